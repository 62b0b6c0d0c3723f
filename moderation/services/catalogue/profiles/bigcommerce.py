"""BigCommerce's product export."""

from . import Profile, Role, Variants, register

register(
    Profile(
        name="bigcommerce",
        title="BigCommerce",
        recognised_by=[["Item Type"], ["Product Name"], ["Product Image URL - 1"]],
        columns={
            Role.ID: ["Product ID", "Product Code/SKU"],
            Role.TITLE: ["Product Name"],
            Role.DESCRIPTION: ["Product Description"],
            Role.CATEGORY: ["Category"],
            Role.SELLER: ["Brand Name"],
            Role.PHOTOS: ["Product Image URL - {n}"],
        },
        category_levels="/",
        categories_divided_by=";",
        variants=Variants(kind=["Item Type"], values=["sku", "rule"]),
    )
)
