"""clipmod's own columns."""

from . import Profile, Role, register

register(
    Profile(
        name="plain",
        title="plain catalogue",
        recognised_by=[["product_id"], ["image_path"], ["text"]],
        columns={
            Role.ID: ["product_id"],
            Role.TITLE: ["text"],
            Role.CATEGORY: ["category"],
            Role.SELLER: ["seller"],
            Role.PHOTOS: ["image_path"],
        },
        is_own=True,
    )
)
