"""PrestaShop's product file, with the headers of its own import template."""

from . import Profile, Role, register

register(
    Profile(
        name="prestashop",
        title="PrestaShop",
        recognised_by=[["Name *", "Name"], ["Image URLs (x,y,z...)"]],
        columns={
            Role.ID: ["Product ID", "ID", "Reference #"],
            Role.TITLE: ["Name *", "Name"],
            Role.DESCRIPTION: ["Summary", "Description"],
            Role.CATEGORY: ["Categories (x,y,z...)"],
            Role.SELLER: ["Manufacturer", "Supplier"],
            Role.PHOTOS: ["Image URLs (x,y,z...)"],
        },
        photos_divided_by=",",
        category_levels="/",
        categories_divided_by=",",
    )
)
