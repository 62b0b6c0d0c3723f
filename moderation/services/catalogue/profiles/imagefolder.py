"""The metadata file of a Hugging Face image folder, beside its images."""

from . import Profile, Role, register

register(
    Profile(
        name="imagefolder",
        title="Hugging Face imagefolder",
        recognised_by=[
            ["file_name", "file_names"],
            ["text", "caption", "title", "description", "prompt"],
        ],
        columns={
            Role.ID: ["product_id", "id", "file_name"],
            Role.TITLE: ["title", "text", "caption", "prompt"],
            Role.DESCRIPTION: ["description"],
            Role.CATEGORY: ["category"],
            Role.SELLER: ["seller"],
            Role.PHOTOS: ["file_name", "file_names"],
        },
    )
)
