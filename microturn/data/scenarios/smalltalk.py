"""Everyday sentences that ask nothing and count for nothing: the breadth of the closed world. Used by chat.py."""

SMALLTALK = """
it is a lovely day today
i am so tired
we had dinner at eight
the weather is nice today
i could not sleep last night
let me think about it
that was a great film
i will be home soon
everything is fine here
we should go there again
i have to wash the clothes
the room is too warm
it rained all day long
we missed the last bus
i need to clean my desk
they moved to another town
the meeting was very long
i like this song
he is working late again
we are going on holiday soon
somebody left the door open
the bell is ringing
i was looking for my key
she told me a secret
there is nothing on the radio
we waited for an hour
i do not remember that
it does not matter
my friend is getting married
the soup was too hot
i am going to the store
he always talks so much
she plays the piano every evening
we could hear the sea
there was a strong wind
i had a strange dream
the stairs are very steep
my phone is almost empty
it is getting dark outside
i am glad you are here
he works in a big office
they live across the street
the children are playing outside
i love this place
we took the wrong road
the concert was wonderful
i met her a long time ago
nothing ever happens here
the plane was already at the airport
she lives alone in an old apartment
the baby slept the whole time
we cooked fresh fish for the guests
breakfast is in the big hall
the bathroom is around the corner
i believe the bank is closed
he broke his arm and his leg
it was a beautiful walk along the coast
she brought a blanket for the sofa
the building on the square is very ugly
business was quite bad this year
we were busy but it was fun
the cafe in the center is cheap
my camera fell onto the floor
a candle stood on each plate
she sent me a card and a gift
the castle stands on a high rock
i caught a cold last month
put the boxes in the cellar
the city is different at night
he will finish the class in may
there is a dark cloud over the valley
we danced together at the wedding
i decided to leave early
the field behind us is full of stones
she drove the truck to the shop
he drank a glass of wine
there is dust on every shelf
he held her hand the entire time
we need someone to repair the roof
my finger still hurts a little
there was a fire in the garage
the food was good but expensive
i felt sick after lunch
her family is famous in the north
a girl and a boy were laughing
the game was over in half an hour
grandma grows plants in front of her house
he plays guitar in a band
her hair is long and her eyes are dark
something strange happened at the library
the hospital is behind the museum
i hope they are not angry
we were hungry and very cold
that is a great idea
i just want to sit down
the island is beyond the mountain
my jacket has deep pockets
his new job is in the south
the journey was longer than we thought
the king lived in a tall tower
she knew the man on the ladder
an old lady told us the way
the land here is flat and dry
let's meet tomorrow at noon
life is good these days
the machine in the kitchen is broken
maybe there is a message for you
the moon and the stars are bright
i watched a funny movie with my wife
people were standing in a long line
the newspaper came late this morning
there was too much noise in the hall
i often go swimming in the pool
we paid the police in the end
i perhaps forgot to lock it
he put the photo between two books
a piece of the mirror is missing
the plan was pretty simple
they promise to help us
i really do not understand it
we sat on the sand and watched the waves
she saved a seat for me
several students study in that room
he sells toys from a cart
i took a shower and washed my face
the ship was gone before we reached it
she smiled and said thank you
sometimes i just stay in bed
the storm came from the west
go straight ahead and then turn
he swam to the other side twice
they travel a lot these years
the trees around the house are large
we tried to catch the last plane
i usually wear a warm jacket
we visited the zoo with the kids
his voice was quiet but friendly
i woke up in the middle of the night
a woman was talking to the seller
she worked in the east for years
i wonder why he left without a word
the world is a small place
my tooth hurts so i can't eat
he didn't see the step and fell
it's nearly midnight already
we couldn't find the map
the water wasn't deep at all
i won't be there tonight
there isn't any meat in the fridge
most of them went by train
her mouth was dry and her heart beat fast
nobody knew what to do instead
they built a small house of wood
i will try the other door once more
please speak a little louder he said
we all had a really good laugh
everybody wants to have a part of it
the test was not easy for anyone
""".strip().splitlines()
