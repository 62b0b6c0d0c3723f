"""Shopify's product export, with its old headers and the new ones."""

from . import Continued, Profile, Role, register

register(
    Profile(
        name="shopify",
        title="Shopify",
        recognised_by=[
            ["Handle", "URL handle"],
            ["Title"],
            ["Image Src", "Product image URL"],
        ],
        columns={
            Role.ID: ["Handle", "URL handle"],
            Role.TITLE: ["Title"],
            Role.DESCRIPTION: ["Body (HTML)", "Description"],
            Role.CATEGORY: ["Product Category", "Type"],
            Role.SELLER: ["Vendor"],
            Role.PHOTOS: ["Image Src", "Product image URL"],
        },
        category_levels=">",
        continued=Continued(
            position=["Image Position"],
            variant=["Option1 Value", "Variant SKU", "SKU", "Variant Price", "Price"],
            variant_photos=["Variant Image", "Variant image URL"],
        ),
    )
)
