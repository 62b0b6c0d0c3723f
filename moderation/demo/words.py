"""The words of the shop titles, by kind of product."""

from dataclasses import dataclass

# Invented for this catalogue.
BRANDS = (
    "Aldermoss", "Brindlow", "Corvanne", "Dunelark", "Estrivo", "Fenwythe", "Galdera", "Hollinquay",
    "Istravel", "Junoval", "Kestavo", "Lunamere", "Mirrowen", "Nordquell", "Ostrivane", "Pellwick",
    "Quellfar", "Rondavale", "Saffreno", "Tovrane", "Umbravel", "Veldmaren", "Wexholm", "Yarravine",
)  # fmt: skip
SYNONYMS: dict[str, tuple[str, ...]] = {
    "grey": ("grey", "grey", "gray"),
    "navy": ("navy", "navy blue"),
    "beige": ("beige", "beige", "sand beige"),
}
WEARERS = ("Women's", "Men's", "Kids'", "Unisex")
PATTERN_WORDS = {
    "striped": ("striped", "stripe"),
    "checked": ("checked", "check"),
    "dotted": ("polka dot", "dotted"),
}


@dataclass(frozen=True)
class Words:
    """The words of one kind; `wearers` are who it is for, if anybody."""

    nouns: tuple[str, ...]
    materials: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    wearers: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


GENERAL = (
    "{brand} {wearer} {colour} {pattern} {material} {noun}",
    "{wearer} {colour} {pattern} {noun}",
    "{wearer} {colour} {material} {noun}",
    "{colour} {pattern} {noun} by {brand}",
    "{wearer} {material} {noun}, {colour} {pattern}",
    "{brand} {noun} in {colour} {pattern}",
    "{pattern} {noun}, {colour}, {tail}",
    "{colour} {material} {noun} - {tail}",
    "{brand} {pattern} {noun} {colour}, {tail}",
)
STRAPS = (
    "{brand} {wearer} wrist watch with {colour} {material} strap",
    "{wearer} analogue watch, {colour} strap",
    "Classic round watch - {colour} {material} band - {tail}",
    "{brand} watch, {colour} leather strap, {tail}",
)
SHADES = (
    "Table lamp with {colour} {pattern} shade",
    "{brand} bedside lamp, {colour} {pattern} fabric shade",
    "{colour} {pattern} table lamp, {tail}",
    "{brand} {colour} desk lamp - {tail}",
)
FRUITS = (
    "Fresh {colour} {noun}, {tail}",
    "{tail} of {colour} {noun}",
    "Organic {colour} {noun}",
    "{brand} farm {colour} {noun}, {tail}",
    "Ripe {colour} {noun}, {tail}",
)
WEIGHTS = ("1 kg", "500 g bag", "pack of 6", "2 kg box")

WORDS: dict[str, Words] = {
    "t-shirt": Words(
        ("T-shirt", "tee", "short sleeve T-shirt"),
        ("cotton", "organic cotton", "jersey"),
        ("regular fit", "machine washable", "size M", "soft and breathable"),
        WEARERS,
    ),
    "shirt": Words(
        ("shirt", "button-up shirt", "long sleeve shirt", "casual shirt"),
        ("cotton", "linen", "poplin"),
        ("slim fit", "easy iron", "with collar", "size L"),
        WEARERS[:2],
    ),
    "dress": Words(
        ("dress", "summer dress", "midi dress", "sleeveless dress"),
        ("cotton", "viscose", "linen", "satin"),
        ("knee length", "with waistband", "size 38", "flared skirt"),
        ("Women's", "Girls'"),
    ),
    "skirt": Words(
        ("skirt", "pleated skirt", "A-line skirt", "flared skirt"),
        ("cotton", "wool blend", "satin"),
        ("elastic waist", "knee length", "size S"),
        ("Women's", "Girls'"),
    ),
    "jeans": Words(
        ("jeans", "denim jeans", "slim jeans", "straight leg jeans"),
        ("stretch denim", "denim", "organic denim"),
        ("five pockets", "mid rise", "size 32"),
        WEARERS[:2],
    ),
    "shorts": Words(
        ("shorts", "summer shorts", "drawstring shorts", "casual shorts"),
        ("cotton", "linen", "jersey"),
        ("with pockets", "elastic waist", "quick drying"),
        WEARERS,
    ),
    "hoodie": Words(
        ("hoodie", "hooded sweatshirt", "pullover hoodie"),
        ("fleece", "cotton", "organic cotton"),
        ("kangaroo pocket", "with drawstring", "warm lining"),
        WEARERS,
    ),
    "jacket": Words(
        ("jacket", "zip jacket", "zip-up jacket"),
        ("lined", "windproof"),
        ("with zip", "two pockets", "for autumn and spring"),
        WEARERS[:2],
    ),
    "socks": Words(
        ("socks", "crew socks", "pair of socks"),
        ("cotton", "wool", "bamboo"),
        ("2 pairs", "size 39-42", "ribbed cuff"),
        WEARERS,
    ),
    "sneaker": Words(
        ("sneakers", "trainers", "running shoes", "sports shoes"),
        ("mesh", "canvas", "suede"),
        ("lace-up", "cushioned sole", "lightweight", "size 42"),
        WEARERS,
    ),
    "boot": Words(
        ("boots", "winter boots", "leather boots"),
        ("leather", "suede", "waterproof"),
        ("sturdy sole", "warm lined", "size 41"),
        WEARERS[:2],
    ),
    "sandal": Words(
        ("flip flops", "beach sandals", "thong sandals"),
        ("rubber", "foam"),
        ("for pool and beach", "non-slip", "size 40"),
        WEARERS,
    ),
    "high heel": Words(
        ("high heels", "pumps", "stiletto heels", "heeled shoes"),
        ("satin", "patent", "leather"),
        ("8 cm heel", "pointed toe", "size 38"),
        ("Women's",),
    ),
    "handbag": Words(
        ("handbag", "top handle bag", "shoulder bag", "purse"),
        ("leather", "faux leather", "vegan leather"),
        ("with clasp", "two handles", "inner pocket"),
        ("Women's",),
    ),
    "backpack": Words(
        ("backpack", "school backpack", "rucksack", "laptop backpack"),
        ("canvas", "nylon", "water-repellent"),
        ("20 litres", "padded straps", "front zip pocket"),
        ("Unisex", "Kids'"),
    ),
    "wallet": Words(
        ("wallet", "bifold wallet", "card wallet"),
        ("leather", "vegan leather"),
        ("8 card slots", "coin pocket", "RFID safe"),
        WEARERS[:2],
    ),
    "suitcase": Words(
        ("suitcase", "cabin suitcase", "trolley case", "hard shell suitcase"),
        ("polycarbonate", "hard shell"),
        ("four wheels", "38 litres", "telescopic handle"),
    ),
    "belt": Words(
        ("belt", "dress belt", "jeans belt"),
        ("leather", "faux leather"),
        ("metal buckle", "3 cm wide", "length 100 cm"),
        WEARERS[:2],
    ),
    "cap": Words(
        ("cap", "baseball cap", "sports cap", "peaked cap"),
        ("cotton", "twill"),
        ("adjustable", "curved brim", "one size"),
        WEARERS,
    ),
    "scarf": Words(
        ("scarf", "knitted scarf", "winter scarf"),
        ("wool", "cashmere blend", "acrylic"),
        ("with fringes", "180 cm", "warm and soft"),
        WEARERS,
    ),
    "tie": Words(
        ("tie", "necktie", "business tie"),
        ("silk", "microfibre", "satin"),
        ("7 cm wide", "hand made", "gift boxed"),
        ("Men's",),
    ),
    "sunglasses": Words(
        ("sunglasses", "shades", "UV400 sunglasses"),
        ("acetate",),
        ("polarised lenses", "with case", "tinted lenses"),
        WEARERS[:2],
    ),
    "watch": Words(
        ("watch",),
        ("leather",),
        ("quartz movement", "water resistant", "36 mm case"),
        WEARERS[:2],
        templates=STRAPS,
    ),
    "umbrella": Words(
        ("umbrella", "stick umbrella", "rain umbrella"),
        ("windproof", "automatic"),
        ("curved handle", "100 cm wide", "8 ribs"),
    ),
    "mug": Words(
        ("mug", "coffee mug", "tea mug", "cup"),
        ("ceramic", "stoneware", "porcelain"),
        ("350 ml", "dishwasher safe", "with handle"),
    ),
    "bottle": Words(
        ("water bottle", "drinking bottle", "sports bottle", "insulated bottle"),
        ("stainless steel", "metal"),
        ("750 ml", "leakproof", "BPA free"),
    ),
    "teapot": Words(
        ("teapot", "tea pot with lid"),
        ("ceramic", "porcelain", "stoneware"),
        ("1 litre", "with lid", "dishwasher safe"),
    ),
    "bowl": Words(
        ("bowl", "cereal bowl", "soup bowl", "serving bowl"),
        ("ceramic", "stoneware", "porcelain"),
        ("18 cm", "microwave safe", "dishwasher safe"),
    ),
    "lamp": Words(("lamp",), (), ("E27 socket", "45 cm high", "warm light"), templates=SHADES),
    "chair": Words(
        ("chair", "dining chair", "upholstered chair", "kitchen chair"),
        ("velvet", "fabric"),
        ("four legs", "padded seat", "easy to assemble"),
    ),
    "apple": Words(("apples", "eating apples"), (), WEIGHTS, templates=FRUITS),
    "banana": Words(("bananas",), (), ("bunch", *WEIGHTS), templates=FRUITS),
    "orange": Words(("oranges", "juicy oranges"), (), WEIGHTS, templates=FRUITS),
    "pear": Words(("pears", "table pears"), (), WEIGHTS, templates=FRUITS),
    "lemon": Words(("lemons", "unwaxed lemons"), (), WEIGHTS, templates=FRUITS),
}
