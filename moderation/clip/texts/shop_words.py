"""What shops add to titles in English, German, French, Spanish and Italian; a phrase a line.

Closed lists: a seller cannot hide a wrong word behind one. Nothing that a photo can show belongs
here ("top", "pack", "set"), nor a word that begins brands ("free", "original", "best").
"""

from __future__ import annotations

# Taken out wherever they stand.
OFFERS = r"""
free shipping
free delivery
free postage
free p&p
free returns
free gift
fast shipping
fast delivery
express shipping
next day delivery
same day shipping
same day dispatch
worldwide shipping
ships worldwide
in stock
hot deals?
hot sale
best deals?
best price
lowest price
great price
low price
special offer
special price
limited offer
limited time offer
limited time only
limited stock
only a few left
while stocks last
deal of the day
daily deal
big sale
super sale
mega sale
flash sale
clearance sale
winter sale
summer sale
final sale
black friday( deals?| sale)?
buy now
shop now
order now
order today
click here
must have
best[\s-]?seller
top[\s-]?seller
money back guarantee
satisfaction guaranteed
brand new in box
brand new with tags
brand new
new with tags
new with box
new in box
new arrivals?
bnwt
bnib
nwt
nwot
100\s?% original
100\s?% authentic
100\s?% genuine
100\s?% brand new
100\s?% echt
authenticity guaranteed
high quality
top quality
best quality
premium quality
top qualität
hohe qualität
beste qualität
(gratis|kostenloser|kostenfreier|schneller|blitz)[\s-]?versand
versandkostenfrei
versand gratis
versand kostenlos
kostenlose lieferung
auf lager
sofort lieferbar
sofort verfügbar
blitz[\s-]?angebot
sonder[\s-]?angebot
top[\s-]?angebot
angebot des tages
bestpreis
tiefpreis
sonderpreis
preisknaller
nur für kurze zeit
nur solange der vorrat reicht
jetzt kaufen
jetzt zugreifen
neu (mit|und|&) (etikett|ovp)
neu in ovp
livraison gratuite
livraison offerte
livraison rapide
frais de port offerts
port offert
en stock
en promotion
en promo
en solde
prix bas
meilleur prix
offre spéciale
neuf avec étiquette
haute qualité
env[ií]o gratis
env[ií]o gratuito
env[ií]o r[aá]pido
env[ií]o 24h
en oferta
oferta especial
mejor precio
alta calidad
nuevo con etiqueta
spedizione gratuita
spedizione gratis
spedizione veloce
in offerta
in saldo
offerta speciale
miglior prezzo
alta qualità
nuovo con cartellino
"""

# Taken out where they are shouted: `NEW!`, `Neu:`, `[SALE]`, `NEW Blue shirt`. Never in the middle
# of a title, where they are its words: `New Balance shoes`, `Sale e Pepe`.
SHOUTS = """
new
new in
sale
sales
offer
deal
hot
wow
bestseller
clearance
reduced
sold out
neue?s?
neuheit
neuware
aktion
angebot
reduziert
rabatt
schnäppchen
ausverkauft
nouveau
nouveauté
nouvelle
soldes?
promo
promotion
épuisé
nuevo
nueva
novedad
oferta
rebajas?
agotado
nuovo
nuova
novità
saldi
offerta
sconto
esaurito
"""

# What may stand before a price.
BEFORE_PRICES = """
was
now
now only
only
just
from
price
sale price
rrp
msrp
uvp
statt
nur
nur noch
jetzt
jetzt nur
ab
für
für nur
vorher
preis
prix
au lieu de
seulement
à partir de
dès
avant
maintenant
antes
ahora
precio
desde
sólo
solo
solo ora
prezzo
invece di
a partire da
a partir de
prima
ora
"""
