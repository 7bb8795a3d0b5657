"""The closed world: every word it knows, listed once, and number words. Phrases are made in scenarios/."""

from collections.abc import Iterable

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
COLORS = ("red", "blue", "green", "yellow", "black", "white", "brown", "pink")

# What has a color, with its article as asked ("what color is a lemon").
COLOR_OF = {
    "grass": "green",
    "the sky": "blue",
    "snow": "white",
    "a lemon": "yellow",
    "a banana": "yellow",
    "the sun": "yellow",
    "milk": "white",
    "coal": "black",
    "chocolate": "brown",
    "a strawberry": "red",
    "a cherry": "red",
    "a tomato": "red",
    "a pig": "pink",
    "a frog": "green",
    "the sea": "blue",
    "a leaf": "green",
    "salt": "white",
    "sugar": "white",
    "butter": "yellow",
    "a bear": "brown",
    "wood": "brown",
    "the night": "black",
    "cheese": "yellow",
    "rice": "white",
    "a rose": "red",
    "corn": "yellow",
    "ham": "pink",
    "a cucumber": "green",
    "blood": "red",
    "the ocean": "blue",
}

# Read "the opposite of KEY is VALUE"; where English has two, the commoner one.
OPPOSITE_OF = {
    **{"hot": "cold", "cold": "hot", "big": "small", "small": "big", "fast": "slow", "slow": "fast"},
    **{"up": "down", "down": "up", "left": "right", "right": "left", "day": "night", "night": "day"},
    **{"old": "young", "young": "old", "new": "old", "open": "closed", "closed": "open"},
    **{"good": "bad", "bad": "good", "happy": "sad", "sad": "happy", "high": "low", "low": "high"},
    **{"long": "short", "short": "long", "tall": "short", "hard": "soft", "soft": "hard"},
    **{"easy": "hard", "rich": "poor", "poor": "rich", "full": "empty", "empty": "full"},
    **{"clean": "dirty", "dirty": "clean", "dark": "light", "light": "dark", "heavy": "light"},
    **{"wet": "dry", "dry": "wet", "early": "late", "late": "early", "first": "last", "last": "first"},
    **{"near": "far", "far": "near", "in": "out", "out": "in", "yes": "no", "no": "yes"},
    **{"loud": "quiet", "quiet": "loud", "strong": "weak", "weak": "strong", "thick": "thin", "thin": "thick"},
    **{"wide": "narrow", "narrow": "wide", "inside": "outside", "outside": "inside"},
    **{"before": "after", "after": "before", "always": "never", "never": "always"},
    **{"push": "pull", "pull": "push", "true": "false", "false": "true", "warm": "cool", "cool": "warm"},
    **{"top": "bottom", "bottom": "top", "sweet": "sour", "sour": "sweet"},
    **{"awake": "asleep", "asleep": "awake", "on": "off", "off": "on", "win": "lose", "lose": "win"},
    **{"buy": "sell", "sell": "buy", "love": "hate", "hate": "love", "give": "take", "take": "give"},
    **{"come": "go", "go": "come", "above": "below", "below": "above", "more": "less", "less": "more"},
    **{"black": "white", "white": "black"},
}

# singular -> plural; both count.
ANIMALS = {
    **{"dog": "dogs", "cat": "cats", "cow": "cows", "horse": "horses", "pig": "pigs", "sheep": "sheep"},
    **{"duck": "ducks", "bird": "birds", "lion": "lions", "bear": "bears", "frog": "frogs", "mouse": "mice"},
    **{"goat": "goats", "rabbit": "rabbits", "fox": "foxes", "wolf": "wolves", "monkey": "monkeys"},
    **{"tiger": "tigers", "elephant": "elephants", "snake": "snakes", "turtle": "turtles", "donkey": "donkeys"},
    **{"chicken": "chickens", "camel": "camels"},
}
FRUITS = {
    **{"apple": "apples", "banana": "bananas", "orange": "oranges", "lemon": "lemons", "pear": "pears"},
    **{"peach": "peaches", "cherry": "cherries", "grape": "grapes", "melon": "melons", "plum": "plums"},
    **{"strawberry": "strawberries", "mango": "mangos"},
}
NAMES = (
    *("anna", "tom", "maria", "john", "julia", "peter", "laura", "david", "emma", "paul"),
    *("sarah", "daniel", "lisa", "mark", "sofia", "simon", "clara", "victor", "nina", "oscar"),
)
WAKE_NAMES = ("max", "luna", "robot", "sam", "computer", "ruby", "leo", "alex", "nova", "charlie")

# What one may be reminded to do, and what else one may have said later: "any listed word".
REMINDERS = (
    *("breathe", "stretch", "drink", "smile", "blink", "relax", "walk", "jump", "stand", "sit", "eat", "rest"),
    *("write", "read", "call", "move", "turn", "work", "wake", "swim", "sing", "push", "pull", "hurry", "focus", "run"),
)
SAYABLE = (
    *("water", "tea", "lunch", "hello", "ready", "home", "posture", "medicine", "laundry", "oven", "pizza", "slowly"),
    *("coffee", "music", "banana", "apple", "lemon", "dog", "cat", "lion", "red", "blue", "green", "monday", "table"),
    *("garden", "bread", "morning", "done"),
)
# Words one may forbid; every one of them occurs in the story phrases.
TABOO_WORDS = (
    *("banana", "apple", "lemon", "cherry", "peach", "dog", "cat", "horse", "bird", "mouse", "lion", "rabbit"),
    *("garden", "river", "market", "school", "kitchen", "bridge", "hotel", "beach", "forest", "park", "station"),
    *("bread", "cheese", "coffee", "ticket", "book", "hat", "coat", "lamp", "chair", "window", "table"),
    *("red", "blue", "green", "yellow", "mother", "brother", "friend", "teacher", "doctor", "neighbor"),
    *("rain", "train", "morning", "evening", "letter", "song", "picture", "money"),
)
PEOPLE = (
    *("mother", "father", "sister", "brother", "friend", "teacher", "doctor", "neighbor", "uncle", "aunt"),
    *("boss", "cousin", "grandmother", "grandfather"),
)
# Where something happens, with its preposition.
PLACES = (
    *("in the garden", "by the river", "at the market", "in the kitchen", "near the bridge", "at the hotel"),
    *("on the beach", "in the forest", "in the park", "at the station", "behind the house", "near the school"),
    *("in the street", "under the table", "by the window", "on the farm", "next to the church", "in the village"),
    *("on the hill", "at the lake"),
)
# What can be bought, and how it is called on a list of items.
GOODS = (
    *("bread", "milk", "cheese", "coffee", "ticket", "book", "hat", "coat", "lamp", "chair", "table", "soup"),
    *("cake", "pizza", "shirt", "bag", "phone", "clock", "bottle", "box", "paper", "pen", "shoe", "umbrella"),
)
GROCERIES = (
    *("bread", "milk", "cheese", "butter", "sugar", "salt", "rice", "coffee", "tea", "water", "soap", "eggs"),
    *("potatoes", "tomatoes", "carrots", "onions", "pasta", "honey", "juice", "cake", "paper", "candles", "flour"),
    *("towels", "socks", "pens", "batteries", "bottles", "plates", "cups", "spoons", "knives", "shoes", "gloves"),
)
THINGS_LONG = (
    "wall",
    "table",
    "road",
    "boat",
    "bridge",
    "rope",
    "garden",
    "room",
    "fence",
    "train",
    "tunnel",
    "carpet",
)
WAYS = (
    *("to the river", "to the market", "to the hotel", "to the bridge", "to the station", "to the beach"),
    *("to the park", "to the school", "to the lake", "to the church", "through the forest", "up the hill"),
)
THINGS_COLORED = (
    *("car", "door", "hat", "coat", "bag", "chair", "boat", "shirt", "house", "cup", "ball", "bike"),
    *("flower", "bus", "umbrella", "dress", "box", "kite", "wall", "carpet"),
)
EURO, DOLLAR, METER, FOOT = ("euro", "euros"), ("dollar", "dollars"), ("meter", "meters"), ("foot", "feet")
FILLERS = ("uh", "um", "hmm", "er")
# What a listener says without wanting to speak. Written without a hyphen, for the vocabulary has none; voices.py knows
# how "mm hm" sounds. The cough is a word that a synthesiser can say: a stand-in, for real ones are noise bursts.
MM_HM = "mm hm"
COUGH = "ahem"
BACKCHANNELS = (MM_HM, "uh huh", "right", "okay", "yeah", "i see", "wow", COUGH)

# The rest of the closed world: everyday verbs, nouns and small words that stories, chat and requests are made of.
_EVERYDAY = """
about across afternoon again ago ahead airport all almost alone along already am an and angry animal animals another
answer answers any anyone apartment are arm around ask asked ate away baby band bank bathroom be beat beautiful bed
beep begin beginning believe bell better between beyond blanket books bought boxes boy breakfast bright broke broken
brought building built business busy but cafe called came camera can can't cancel candle card carried cart castle
catch caught cellar center change cheap children city class clothes cloud coast color colors comes concert cooked
corner cost could couldn't count countdown counted counting country cutting danced days decided deep desk did didn't
different dinner do does don't drank dream drove dust each east end enough entire ever every everybody everyone
everything expensive eyes face family famous feeds fell felt field film find fine finger finish finished fire fish
flat floor followed food for forget forgot found fresh fridge friendly from front fruit fruits fun funny game garage
gave getting gift girl glad glass going gone got grandma great ground grows guests guitar had hair half hall hand
happened happens has have he hear heard heart held help her here hey his holiday hope hospital hour how hungry hurts i
i'm idea if instead is island isn't it it's item jacket job journey jumped just keep key kids king knew know knows
ladder lady land large laugh laughing lay leave leg length lengths let let's library life like likes line list listen
little live lived lives lock longer looked looking lost lot louder lovely machine made make man many map married
matter maybe me mean meat meet meeting message met middle midnight mind minus minute mirror missed missing month moon
most mountain mouth moved movie much museum my name name's nearly need newspaper nice nobody noise noon north not
nothing now number of office often oh okay once only onto opposite other over paid painted part party people perhaps
photo piano piece place plan plane plants plate playing plays please plus pockets police pool pretty price prices
promise put question quite radio rained raining ran reached reading really remember remind reminder repair ringing
rings rock roof said sale sand sang sat saved saw say says seat second seconds secret see seller sells sent several
shared she shelf ship shop should shower sick side silence silent simple sleep sleeping slept smiled so sofa some
somebody someone something sometimes soon sorry south speak spent spring square stairs standing stands stars start
started starting stay stayed steep step still stones stood stop stopped stopwatch store storm story straight strange
students study suddenly summer swam swimming talk talked talking talks tell test than thank that that's them then
there these they thing think this thought thousand time timer timing tired today together told tomorrow tonight too
took tooth tower town toys travel trees tried truck try twice ugly understand until us usually valley very visited
voice wait waited waiting walked want wanted wants was wash washed wasn't watched waves way we wear weather wedding
week weekend well went were west what what's when whenever where which whole why wife will wind wine winter with
without woke woman won't wonder wonderful word worked working works world would wrong wrote year years yesterday you
your zoo thinking liked important best get him hold months repeat tree words
"""

# Not part of the world: strewn into chat so that unknown words disturb nothing.
_UNKNOWN = """
accordion algorithm almanac anchor antenna asphalt axle balcony ballot bamboo barometer basil bassoon beaver
blizzard bracket bronze buffet cactus calendar canyon caravan cathedral ceramic charcoal chimney cinnamon circuit
clarinet cobalt comet compass copper coral crater crystal cylinder dentist detour diesel dolphin drizzle dungeon
eclipse elbow embassy engine envelope fabric falcon ferry festival fiddle filter fossil fountain galaxy garlic
geyser ginger glacier goblin granite gravel hammock harbor harvest helmet hexagon iceberg igloo insurance jigsaw
jungle kayak kernel ketchup lagoon lantern lava lawyer lobster locket magnet mammal marble meadow meteor mosaic
mustard nectar nickel nutmeg oasis oboe orbit orchid oxygen paddle panther parcel pebble pelican pepper pigeon
plasma plaster pottery prairie puzzle pyramid quarry quartz raccoon raft ramp receipt reef ribbon rocket saddle
saffron sardine satellite scarf seminar shovel siren sketch squirrel statue stork suburb tablet tariff thistle
thunder timber torch tractor treaty trumpet tulip turbine vacuum vanilla velvet violin volcano voucher walnut
wagon walrus warehouse whistle willow wizard yacht zebra zipper
"""

# What only talk about sight needs. The vocabulary was made without these words and spells them by pieces, so the agent
# itself never says one of them.
_SIGHT = """
ups squats squat jumping jacks raises raise raising arms fingers holding telling slouch slouching comment balls
hearts moons houses kites star waving watch doing saying changes hurt look lets or as
"""

# What only work that is handed over needs: spelled by pieces too.
_WORK = "times divided who look check costs opens"

EVERYDAY = tuple(_EVERYDAY.split())
UNKNOWN_WORDS = tuple(_UNKNOWN.split())
SIGHT_WORDS = frozenset(_SIGHT.split())
WORK_WORDS = frozenset(_WORK.split())

ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_words(n: int) -> str:
    """`n` in 0..9999 spelled out: 23 is "twenty three", 100 is "one hundred"."""
    if not 0 <= n <= 9999:
        raise ValueError(f"number_words takes 0..9999, got {n}")
    if n < 20:
        return ONES[n]
    for unit, word in ((1000, "thousand"), (100, "hundred")):
        if n >= unit:
            rest = f" {number_words(n % unit)}" if n % unit else ""
            return f"{number_words(n // unit)} {word}{rest}"
    return TENS[n // 10] + (f" {ONES[n % 10]}" if n % 10 else "")


def trailing_number(words: Iterable[str]) -> int | None:
    """The number (0..199) that the last of `words` spell, or None: ("it", "was", "twenty", "three") is 23."""
    spelled = list(words)
    for length in (4, 3, 2, 1):
        tail = " ".join(spelled[-length:])
        if length <= len(spelled) and tail in NUMBER_OF:
            return NUMBER_OF[tail]
    return None


def with_article(noun: str) -> str:
    """The noun with its indefinite article: "a dog", "an apple"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _all_words() -> frozenset[str]:
    spoken = [*DAYS, *MONTHS, *COLORS, *COLOR_OF, *OPPOSITE_OF, *OPPOSITE_OF.values(), *ANIMALS, *ANIMALS.values()]
    spoken += [*FRUITS, *FRUITS.values(), *NAMES, *WAKE_NAMES, *REMINDERS, *SAYABLE, *TABOO_WORDS]
    spoken += [*PEOPLE, *PLACES, *GOODS]
    spoken += [f"{person}'s" for person in PEOPLE]
    spoken += [*GROCERIES, *THINGS_LONG, *WAYS, *THINGS_COLORED, *EURO, *DOLLAR, *METER, *FOOT, *FILLERS, *EVERYDAY]
    spoken += [*BACKCHANNELS]
    return frozenset(word for entry in [*spoken, *ONES, *TENS, "hundred"] for word in entry.split())


NUMBER_OF = {number_words(n): n for n in range(200)}
CATEGORIES: dict[str, frozenset[str]] = {
    "animals": frozenset([*ANIMALS, *ANIMALS.values()]),
    "colors": frozenset(COLORS),
    "fruits": frozenset([*FRUITS, *FRUITS.values()]),
}
ITEM_WORDS = frozenset([*GROCERIES, *FRUITS, *FRUITS.values(), *GOODS, *COLORS, *ONES, "a", "an", "some", "of", "the"])
WORDS = _all_words()
