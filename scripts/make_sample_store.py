#!/usr/bin/env python3
"""Makes the sample store of data/sample: an invented shop for hobbies, as RecBole atomic files.

    python3 scripts/make_sample_store.py            # writes data/sample, the same bytes every time

People have tastes (departments they care about, a manner they like); items have a department and a
manner; who buys what, how it is rated and what the texts say all come from those, so there is something
to learn from the interactions and from the texts. Standard library only.
"""
import math
import pathlib
import random

PEOPLE, ITEMS, PURCHASES = 360, 300, 11

DEPARTMENTS = {
    "Baking": (["loaf pan", "rolling pin", "proofing basket", "dough scraper", "pastry brush", "cake ring",
                "pie dish", "cooling rack", "flour sieve", "baking stone", "bread knife", "mixing bowl"],
               ["sourdough", "birthday cakes", "rye bread", "croissants", "apple pie"], "bake"),
    "Coffee": (["pour-over cone", "burr grinder", "milk jug", "moka pot", "filter papers", "gooseneck kettle",
                "espresso cup", "coffee scale", "knock box", "storage tin", "cold brew jar", "tamper"],
               ["the first cup of the day", "light roasts", "espresso", "iced coffee", "a slow pour-over"],
               "make coffee"),
    "Camping": (["two-person tent", "sleeping mat", "gas stove", "head torch", "water filter", "dry bag",
                 "camp chair", "enamel mug", "tarp", "folding saw", "mess kit", "rucksack"],
                ["wet weekends", "long ridge walks", "trips with the children", "winter nights", "canoe trips"],
                "camp"),
    "Cycling": (["pannier bag", "bell", "chain oil", "handlebar tape", "track pump", "rear light", "saddle",
                 "bottle cage", "multi-tool", "mudguard set", "rain cape", "helmet"],
                ["the daily commute", "gravel roads", "long climbs", "touring", "carrying shopping home"], "ride"),
    "Gardening": (["hand trowel", "seed tray", "pruning shears", "watering can", "raised bed kit", "compost bin",
                   "garden fork", "plant labels", "twine", "cold frame", "kneeling pad", "dibber"],
                  ["tomatoes", "roses", "a shady balcony", "herbs by the door", "winter vegetables"], "garden"),
    "Drawing": (["sketchbook", "graphite set", "brush pen", "watercolour pan", "kneaded eraser", "ink bottle",
                 "travel easel", "blending stump", "pencil roll", "cartridge paper", "charcoal sticks", "dip pen"],
                ["portraits", "street scenes", "life drawing", "botanical studies", "quick sketches"], "draw"),
    "Guitar": (["string set", "clip-on tuner", "capo", "leather strap", "pick tin", "slide", "foot stool",
                "hard case", "polish cloth", "humidifier", "pocket amplifier", "wall hanger"],
               ["fingerstyle", "open tunings", "band practice", "slow blues", "playing for friends"], "play"),
    "Sewing": (["tailor's shears", "pin cushion", "linen thread", "seam ripper", "cutting mat", "dress form",
                "tape measure", "darning mushroom", "quilting ruler", "button tin", "thimble", "fabric chalk"],
               ["mending jeans", "quilts", "summer dresses", "curtains", "baby clothes"], "sew"),
    "Woodwork": (["block plane", "marking gauge", "mortise chisel", "sharpening stone", "dovetail saw",
                  "bench hook", "clamp pair", "mallet", "spokeshave", "wood oil", "try square", "carving knife"],
                 ["spoon carving", "small boxes", "shelves", "chair repair", "dovetails"], "work wood"),
}
MANNERS = [  # (how it is said of the low end, of the high end)
    (["sturdy", "heavy", "solid"], ["light", "compact", "packable"]),
    (["traditional", "hand-made", "old-fashioned"], ["modern", "clever", "streamlined"]),
    (["plain", "quiet", "unfussy"], ["colourful", "bright", "cheerful"]),
    (["thrifty", "simple", "entry-level"], ["fine", "heirloom", "professional"]),
]
PRAISE_OF = [("It feels {w} in the hand", "nothing rattles"), ("It looks {w}", "and it still does after a season"),
             ("The whole thing is {w}", "just as I hoped"), ("You can tell it is {w}", "from the first use")]
MAKERS = ["Alder & Finch", "Brookmill", "Corvane", "Dunmore", "Elmstead", "Fallow", "Grantley", "Hollin",
          "Ivybridge", "Juniper Works", "Kestrel", "Larkhill", "Marram", "Northgate", "Oakum", "Pellow"]
FIRST = ["I live near the coast", "I work nights at a hospital", "Retired teacher", "Student on a small budget",
         "Father of three", "I run a small workshop", "New to all of this", "I share a flat in the city",
         "Grandmother of five", "I write software by day", "I moved to the country last year",
         "Weekend person"]
OPENERS_GOOD = ["Exactly what I wanted.", "Very pleased.", "Better than the one it replaced.",
                "I keep reaching for it.", "Bought one, then a second for my sister.", "Worth the wait.",
                "Does its job every time."]
OPENERS_BAD = ["Not for me.", "It went back.", "I wanted to like it.", "Disappointing.",
               "Fine for somebody else, perhaps."]


def words(rng, manner, count):
    """Adjectives for the strongest dimensions of a manner."""
    order = sorted(range(len(MANNERS)), key=lambda d: -abs(manner[d]))[:count]
    return [rng.choice(MANNERS[d][1 if manner[d] > 0 else 0]) for d in order]


def make_items(rng):
    items, names = [], list(DEPARTMENTS)
    seen = set()
    while len(items) < ITEMS:
        department = names[len(items) % len(names)]
        nouns, uses, _ = DEPARTMENTS[department]
        noun, maker = rng.choice(nouns), rng.choice(MAKERS)
        manner = [rng.choice([-1, 1]) * rng.uniform(0.3, 1.0) for _ in MANNERS]
        first, second = words(rng, manner, 2)
        title = f"{maker} {first.capitalize()} {noun.title()}"
        if title in seen:
            continue
        seen.add(title)
        use = rng.choice(uses)
        description = rng.choice([
            f"A {first}, {second} {noun} made with {use} in mind.",
            f"Our {noun} is {first} and {second}: it was drawn for {use}.",
            f"{first.capitalize()} and {second}. People choose this {noun} for {use}.",
        ])
        items.append({"id": f"i{len(items) + 1:03d}", "department": department, "noun": noun, "maker": maker,
                      "manner": manner, "title": title, "use": use, "description": description,
                      "popularity": rng.gauss(0, 0.7)})
    return items


def make_people(rng):
    people = []
    for n in range(PEOPLE):
        loves = rng.sample(list(DEPARTMENTS), rng.choice([1, 2, 2, 3]))
        manner = [rng.choice([-1, 1]) * rng.uniform(0.3, 1.0) for _ in MANNERS]
        first, second = words(rng, manner, 2)
        hobbies = " and ".join(f"{DEPARTMENTS[d][2]} ({rng.choice(DEPARTMENTS[d][1])})" for d in loves)
        people.append({"id": f"u{n + 1:03d}", "loves": loves, "manner": manner,
                       "about": f"{rng.choice(FIRST)}. I {hobbies}, and I like things {first} and {second}."})
    return people


def utility(person, item):
    liking = 2.6 if item["department"] in person["loves"] else 0.0
    agreement = sum(a * b for a, b in zip(person["manner"], item["manner"]))
    return liking + 1.3 * agreement + item["popularity"]


def review(rng, person, item, stars):
    use = rng.choice(DEPARTMENTS[item["department"]][1])
    own = words(rng, item["manner"], 2)
    parts = [rng.choice(OPENERS_GOOD if stars > 3 else OPENERS_BAD)]
    praise, end = rng.choice(PRAISE_OF)
    if stars > 3:
        parts.append(f"{praise.format(w=own[0])}, {end}." if rng.random() < 0.6 else
                     f"A {own[0]}, {own[1]} {item['noun']}.")
        if rng.random() < 0.6:
            parts.append(rng.choice([f"I use it for {use}.", f"Good for {use}.",
                                     f"It has made {use} easier."]))
    else:
        wanted = words(rng, person["manner"], 1)[0]
        parts.append(rng.choice([f"Too {own[0]} for me, I look for something {wanted}.",
                                 f"I expected a {wanted} {item['noun']} and this is {own[0]}.",
                                 f"For {use} I need something more {wanted}."]))
    return " ".join(parts)


def make_purchases(rng, people, items):
    rows = []
    for person in people:
        count = max(5, min(24, round(rng.gauss(PURCHASES, 3.5))))
        drawn = sorted(items, key=lambda item: -(utility(person, item) - math.log(-math.log(rng.random()))))
        day = rng.randrange(0, 400)
        for item in rng.sample(drawn[:count], count):
            stars = utility(person, item) - item["popularity"] + rng.gauss(0, 0.9)
            rating = 5 if stars > 2.4 else 4 if stars > 0.8 else 3 if stars > 0 else 2 if stars > -1 else 1
            day += rng.randrange(1, 30)
            text = review(rng, person, item, rating) if rng.random() < 0.93 else ""
            rows.append((person["id"], item["id"], rating, 1672531200 + 86400 * day, text))
    return rows


def write(path, header, rows):
    path.write_text("\n".join(["\t".join(header)] + ["\t".join(map(str, row)) for row in rows]) + "\n",
                    encoding="utf-8")


def main():
    rng = random.Random(20240501)
    items, people = make_items(rng), make_people(rng)
    purchases = make_purchases(rng, people, items)
    folder = pathlib.Path(__file__).resolve().parent.parent / "data" / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "sample.inter", ["user_id:token", "item_id:token", "rating:float", "timestamp:float",
                                    "review:token_seq"], purchases)
    write(folder / "sample.item", ["item_id:token", "title:token_seq", "categories:token_seq", "brand:token_seq",
                                   "description:token_seq"],
          [(i["id"], i["title"], i["department"], i["maker"], i["description"]) for i in items])
    write(folder / "sample.user", ["user_id:token", "text:token_seq"], [(p["id"], p["about"]) for p in people])
    size = sum(f.stat().st_size for f in folder.glob("sample.*"))
    print(f"{len(people)} people, {len(items)} items, {len(purchases)} purchases, {size / 1e3:.0f} kB in {folder.name}")


if __name__ == "__main__":
    main()
