"""Amazon's flat file for inventory, whose names of fields stand below two rows of labels."""

from . import Profile, Role, register

register(
    Profile(
        name="amazon",
        title="Amazon flat file",
        recognised_by=[["item_sku"], ["item_name"], ["main_image_url"]],
        columns={
            Role.ID: ["item_sku"],
            Role.TITLE: ["item_name"],
            Role.DESCRIPTION: ["product_description"],
            Role.CATEGORY: ["feed_product_type", "item_type"],
            Role.SELLER: ["brand_name"],
            Role.PHOTOS: ["main_image_url", "other_image_url{n}"],
        },
    )
)
