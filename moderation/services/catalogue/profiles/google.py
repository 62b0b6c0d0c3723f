"""Product feeds as Google Merchant Center takes them; Meta, TikTok and Pinterest take the same.

Each item is a listing: variants have their own id, title and photo.
"""

from . import Profile, Role, register

register(
    Profile(
        name="google",
        title="Google Merchant (also Meta, TikTok, Pinterest)",
        recognised_by=[["id", "sku_id"], ["title"], ["image_link", "image link"]],
        columns={
            Role.ID: ["id", "sku_id"],
            Role.TITLE: ["title"],
            Role.DESCRIPTION: ["description", "summary", "content"],
            Role.CATEGORY: [
                *("google_product_category", "google product category"),
                *("product_type", "product type"),
            ],
            Role.SELLER: ["external_seller_id", "external seller id", "brand"],
            Role.PHOTOS: [
                *("image_link", "image link"),
                *("additional_image_link", "additional image link"),
            ],
        },
        photos_divided_by=",",
        category_levels=">",  # no division: Google's categories have commas in their names
    )
)
