"""Magento's and Adobe Commerce's product export; its photos lie in pub/media/catalog/product."""

from . import Continued, Profile, Role, Variants, register

register(
    Profile(
        name="magento",
        title="Magento",
        recognised_by=[["sku"], ["name"], ["base_image"]],
        columns={
            Role.ID: ["sku"],
            Role.TITLE: ["name"],
            Role.DESCRIPTION: ["short_description", "description"],
            Role.CATEGORY: ["categories"],
            Role.SELLER: ["manufacturer"],
            Role.PHOTOS: ["base_image", "additional_images"],
        },
        photos_divided_by=",",
        not_a_photo=["no_selection"],
        category_levels="/",
        categories_divided_by=",",
        continued=Continued(),  # a row for each view of the store
        variants=Variants(kind=["visibility"], values=["not visible individually"]),
    )
)
