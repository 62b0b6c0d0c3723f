"""Models of the hub that are known to load: what each costs, reads and may be used for.

Any other model of a family in `families` loads too; of it nothing is known but what its files say.
Sizes follow from the numbers of parameters at four bytes, and licences are those of the model cards
as of late 2025, or of the authors' repository where the card names none: read them yourself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moderation.clip.errors import LicenceNotAccepted

NON_COMMERCIAL = "not for commercial use"


@dataclass(frozen=True)
class KnownModel:
    """A repository of the hub.

    `megabytes` is what is downloaded, about; `edge` the side of its pictures in pixels; `reads` the
    languages in words, and `languages` their codes where everything else is held back from the
    model (empty: nothing is). `limits` says whom the licence keeps out, `threshold` in words where
    its own begins, and `revision` is the commit where one is pinned.
    """

    name: str
    family: str
    megabytes: int
    edge: int
    reads: str
    licence: str
    threshold: str = "0.25, not measured"
    languages: tuple[str, ...] = ()
    limits: str = ""
    revision: str = ""
    note: str = ""


_ENGLISH: dict[str, Any] = {"reads": "English", "languages": ("en",)}
_HUNDRED: dict[str, Any] = {"reads": "some hundred languages"}
_OPEN_CLIP: dict[str, Any] = {"family": "clip", "licence": "MIT", **_ENGLISH}
_OPENAI: dict[str, Any] = {**_OPEN_CLIP, "threshold": "0.25"}
_META: dict[str, Any] = {"licence": "CC-BY-NC-4.0", "limits": NON_COMMERCIAL}
_GOOGLE: dict[str, Any] = {
    "family": "siglip", "licence": "Apache-2.0", "threshold": "from its own scale",
}  # fmt: skip

KNOWN = (
    KnownModel(
        "openai/clip-vit-base-patch32", megabytes=605, edge=224, **_OPENAI,
        revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268", note="the default",
    ),
    KnownModel(
        "openai/clip-vit-base-patch16", megabytes=600, edge=224, **_OPENAI,
        revision="57c216476eefef5ab752ec549e440a49ae4ae5f3", note="slower and finer",
    ),
    KnownModel("openai/clip-vit-large-patch14", megabytes=1710, edge=224, **_OPENAI),
    KnownModel("openai/clip-vit-large-patch14-336", megabytes=1710, edge=336, **_OPENAI),
    KnownModel("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", megabytes=605, edge=224, **_OPEN_CLIP),
    KnownModel("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", megabytes=1710, edge=224, **_OPEN_CLIP),
    KnownModel("facebook/metaclip-b32-400m", family="clip", megabytes=605, edge=224,
               **_ENGLISH, **_META),
    KnownModel("google/siglip-base-patch16-224", megabytes=813, edge=224, **_GOOGLE, **_ENGLISH),
    KnownModel("google/siglip-base-patch16-256", megabytes=813, edge=256, **_GOOGLE, **_ENGLISH),
    KnownModel("google/siglip-base-patch16-384", megabytes=814, edge=384, **_GOOGLE, **_ENGLISH),
    KnownModel("google/siglip-base-patch16-512", megabytes=816, edge=512, **_GOOGLE, **_ENGLISH),
    KnownModel("google/siglip-large-patch16-256", megabytes=2610, edge=256, **_GOOGLE, **_ENGLISH),
    KnownModel("google/siglip-large-patch16-384", megabytes=2610, edge=384, **_GOOGLE, **_ENGLISH),
    KnownModel(
        "google/siglip-so400m-patch14-384", megabytes=3510, edge=384, **_GOOGLE, **_ENGLISH
    ),
    KnownModel(
        "google/siglip-base-patch16-256-multilingual", megabytes=1480, edge=256, **_GOOGLE,
        **_HUNDRED,
    ),
    KnownModel("google/siglip2-base-patch16-224", megabytes=1500, edge=224, **_GOOGLE, **_HUNDRED),
    KnownModel("google/siglip2-base-patch16-256", megabytes=1500, edge=256, **_GOOGLE, **_HUNDRED),
    KnownModel(
        "google/siglip2-base-patch16-naflex", megabytes=1500, edge=256,
        **{**_GOOGLE, "family": "siglip2"}, **_HUNDRED, note="keeps the shape of a photo",
    ),
    KnownModel(
        "facebook/metaclip-2-worldwide-b32", family="metaclip_2", megabytes=2400, edge=224,
        reads="some 300 languages", **_META,
    ),
    KnownModel(
        "facebook/metaclip-2-worldwide-huge-quickgelu", family="metaclip_2", megabytes=7400,
        edge=224, reads="some 300 languages", **_META,
    ),
    KnownModel(
        "OFA-Sys/chinese-clip-vit-base-patch16", family="chinese_clip", megabytes=753, edge=224,
        reads="Chinese", languages=("zh",), licence="MIT",
    ),
    KnownModel(
        "BAAI/AltCLIP", family="altclip", megabytes=3460, edge=224, reads="Chinese and English",
        languages=("en", "zh"), licence="CreativeML OpenRAIL-M",
        note="its licence forbids some uses by name",
    ),
    KnownModel(
        "kakaobrain/align-base", family="align", megabytes=690, edge=289, **_ENGLISH,
        licence="not stated", note="ask Kakao Brain before you use it in a business",
    ),
)  # fmt: skip

# Names that stand for a model wherever one is asked for, besides `bundled`.
PRESETS = {
    "fast": "openai/clip-vit-base-patch32",
    "products": "google/siglip-base-patch16-256",
    "multilingual": "google/siglip2-base-patch16-224",
}

_BY_NAME = {model.name: model for model in KNOWN}


def full_name(name: str) -> str:
    """The hub name that a preset stands for; every other name as it is."""
    return PRESETS.get(name, name)


def find(name: str) -> KnownModel | None:
    """What is known of the hub's model of this name."""
    return _BY_NAME.get(name)


def languages(name: str) -> list[str]:
    """The languages of the hub's model of this name; empty where it reads all, or nobody knows."""
    known = find(name)
    return [*known.languages] if known else []


def refuse_unaccepted(name: str) -> None:
    """Raise `LicenceNotAccepted` where the licence of this model keeps some shops out."""
    known = find(name)
    if known is not None and known.limits:
        raise LicenceNotAccepted(
            f"{name} is under {known.licence}: {known.limits}. Read the licence on its page of the "
            "hub; if you may use the model, add --accept-licence to `python manage.py "
            f"download_model {name}`, and to `activate_model`."
        )
