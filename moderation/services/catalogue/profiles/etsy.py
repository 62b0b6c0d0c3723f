"""Etsy's listings as a seller downloads them; they have no id but the seller's SKU."""

from . import Profile, Role, register

register(
    Profile(
        name="etsy",
        title="Etsy",
        recognised_by=[["TITLE"], ["CURRENCY_CODE"], ["IMAGE1"]],
        columns={
            Role.ID: ["LISTING_ID", "SKU"],
            Role.TITLE: ["TITLE"],
            Role.DESCRIPTION: ["DESCRIPTION"],
            Role.PHOTOS: ["IMAGE{n}"],
        },
    )
)
