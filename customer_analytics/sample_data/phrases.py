"""What customers say about toys, as patterns: `{a|b}` is a choice, `<name>` one of the words below.

Each topic has four kinds of clauses. `good` and `bad` say it plainly. `good_turned` and `bad_turned` say
it in the other side's words (a negation, a comparison, a hope that came true or did not, irony), so that
no list of good and bad words tells them apart.
"""

from __future__ import annotations

WORDS: dict[str, str] = {
    "toy": "puzzle|train set|doll house|marble run|kite|robot|board game|card game|plush dragon|scooter|drum kit|"
    "play kitchen|tea set|dinosaur set|building blocks|magnet tiles|race track|walkie talkies|science kit|slime kit|"
    "paint set|doctor's kit|stacking rings|rocking horse|water gun|remote control car|night light|music box|"
    "farm set|castle|pirate ship|yo-yo|trampoline|tool bench|bath toys|teddy|tablet for kids|telescope",
    "kid": "my {son|daughter|little one|niece|nephew|grandson|grand daughter|godchild|twins|toddler|kid|oldest|"
    "youngest|{3|4|5|6|7|8|9} year old|neighbour's boy}",
    "time": "{two|three|four|five|ten} {days|weeks|hours|minutes}|{a|one} {day|week|month|weekend|afternoon}|20 minutes",
    "part": "wheel|lid|handle|button|zipper|arm|door|string|speaker|hinge|axle|battery cover|sticker sheet|tail|switch|"
    "left eye|clip|base|cable|roof",
    "day": "birthday|christmas|easter|the first day of school|a rainy weekend|our road trip|the holidays|a sleepover",
    "price": "{10|12|15|18|20|25|30|35|40|50|60} {dollars|bucks}|this price|the price|that money",
    "person": "my {husband|wife|mother|sister|brother|father in law}|everyone at the party|the whole family|grandma",
    "shop": "Sissy-G|sissy g|sissyg toys|this shop|you guys|the store|@sissygtoys",
}

CLAUSES: dict[str, dict[str, str]] = {
    "quality": {
        "good": "the {paint|wood|plastic|stitching} {is|feels} {solid|really well made|better than expected}|it {is|seems}"
        " {sturdy|well built|made to last}|{survived|has survived} <time> of <kid> {so far|without a scratch}|the <part> is "
        "{thick|strong} and holds up|{excellent|lovely} {craftsmanship|finish}, every <part> fits|still looks new after <time>",
        "good_turned": "{nothing|not a single <part>} {broke|came off|fell apart} {so far|yet|in <time>}|dropped it down the "
        "stairs and it did not break|i expected {cheap junk|flimsy plastic} and {was wrong|got the opposite}|unlike the last "
        "one, which broke after <time>, this {one is still going|holds}|no cracked <part>, no loose screws, no complaints|"
        "i was afraid the <part> would {snap|tear|fall off} but {no|it never did}|hard to break, and believe me <kid> tried",
        "bad": "the <part> {broke|snapped|came off|cracked|fell off} after <time>|{cheap|flimsy|thin} {plastic|material}, the "
        "<part> {bends|wobbles}|{broke|fell apart|stopped working} {within|after} <time>|the <part> was {loose|crooked|"
        "scratched} {out of the box|from the start}|paint {peels|comes} off {everywhere|on the fingers}",
        "bad_turned": "{worked great|was perfect|was fun} for {exactly |}<time>|i would not call {it|this} {sturdy|solid|well "
        "made}|hardly the {quality|beautiful finish} {of|in} the pictures|so much for {'built to last'|'premium quality'}|"
        "{lasted|made it} a {whole|full} <time>, {impressive|what a record|bravo}|the <part> looks {great|lovely} in the "
        "photo, in real life {not so much|it is another story}|good luck keeping the <part> on|would love it if it {stayed in one piece|worked}",
    },
    "delivery": {
        "good": "{arrived|came|was here} {in <time>|early|before <day>|right on time}|{fast|quick|super fast} {shipping|delivery}|"
        "ordered {monday|on sunday} and {had|got} it {by wednesday|within <time>}|tracking was {spot on|accurate to the hour}",
        "good_turned": "no {delays|waiting|problem} {with the delivery |}{at all|this time}|i {worried|was worried} it would be late for "
        "<day> but it {wasn't|came early}|not late, not lost, {what more do you want|imagine that}|they said <time> and it did not even take that long",
        "bad": "{arrived|came|showed up} <time> {late|after <day>}|{still|we are still} waiting {after <time>|for the <toy>}|"
        "the {driver|courier} {left it in the rain|threw it over the fence|never rang}|{package|parcel} got lost {twice|somewhere} and "
        "{nobody cared|no update}|it missed <day> {by <time>|completely}",
        "bad_turned": "{fast|express|next day} {shipping|delivery} {apparently|it seems|they say} means <time>|{just|right} in time for <day>, next year|"
        "tracking says it was {delivered|happily delivered}, {not here|to whom i wonder}|i am sure it is {great|fun}, {if|should} it ever {arrives|gets here}|"
        "was supposed to be {a lovely surprise|here} for <day>, {it was not|nope}",
    },
    "price": {
        "good": "{worth|well worth} {every penny|<price>|the money}|{great|good|fantastic} {value|deal} for <price>|cheaper than {anywhere|everywhere} else|"
        "{fair|very fair} price for what you get",
        "good_turned": "<price> {sounds like a lot|is not cheap|made me hesitate} but {i'd pay it again|no regrets|it pays off}|can't {complain|argue} about <price>|"
        "i have paid {more|double} for {worse|less}|not {overpriced|a rip off} like {most|the others}",
        "bad": "{overpriced|way too expensive|too much money}|<price> for {this|a bit of plastic|that} is {a joke|ridiculous|a rip off}|"
        "{saw|found} the same <toy> for half {the price|that}|{waste|total waste} of <price>",
        "bad_turned": "{not|never} worth <price>|{nice|cute} {idea|toy} but not for <price>|for <price> i expected {quality|something that works|more}|"
        "{good|great} deal, for {them|the seller}|would be {a fair price|good value} if {half of it was not missing|it was gold plated|it cost a third}",
    },
    "safety": {
        "good": "no sharp edges, {safe for|fine for} <kid>|{love|like} that it is {non toxic|made of wood|BPA free}|the <part> is rounded and {feels safe|soft}",
        "good_turned": "{nothing|no parts} {to choke on|small enough to swallow|sharp}|i was {nervous|sceptical} about the <part> but there is {no danger|no risk} {at all|}|"
        "it did not smell {of chemicals|bad} like {others|the old one}",
        "bad": "the <part> has {sharp edges|a sharp corner}, <kid> {got cut|was bleeding|got hurt}|{smells|stinks} of {chemicals|glue|petrol} {even after <time>|}|"
        "small parts come {off|loose} and {end up in the mouth|are a choking hazard}|it gets {hot|really hot} at the <part>",
        "bad_turned": "not what i'd call {safe|child friendly}|{'safe from 3 years' they say|'child safe'}, {the emergency room disagrees|tell that to <kid>'s finger}|"
        "{lovely|nice} {perfume|smell} of {glue|solvent}|would feel better {giving <kid> scissors|if the <part> was not like a knife}",
    },
    "packaging": {
        "good": "{nicely|beautifully|well} {packed|wrapped}|the box {is pretty|is a gift in itself|makes storing easy}|{everything|all parts} {was|were} {there|in its place}",
        "good_turned": "{not one|no} piece {missing|was missing} {for once|}|the box was {dented|crushed} but the <toy> {inside was perfect|didn't have a scratch}|"
        "no {plastic mountain|wasteful packaging} to throw away",
        "bad": "the box {was crushed|was open|arrived torn} and {parts were missing|the <part> was gone}|{three|two|half the} pieces {missing|were missing}|"
        "{took|needed} <time> and {a knife|scissors} to get it out of the {plastic|packaging}",
        "bad_turned": "{beautiful|gorgeous} box, {shame|pity} about {the content|what is in it}|{all|everything} {there|included}, except the <part>|"
        "{the box|the packaging} was {the best part|what <kid> liked most}|{a gift box|'gift wrapped'} they said, it was {tape|a bin bag}",
    },
    "instructions": {
        "good": "{easy|quick|simple} to {assemble|put together|set up}|{instructions|the manual} {are|were} clear|{put|had} it together in <time>|<kid> built it {alone|without help}",
        "good_turned": "{didn't|never} need the {manual|instructions}|no {tools|swearing|engineering degree} {needed|required}|i {dreaded|feared} the assembly and it {took|was} {<time>|nothing}",
        "bad": "the {instructions|manual} {make no sense|are useless|are in chinese only}|{took|needed} <time> to {assemble|put together} and {still wobbles|the <part> was left over}|"
        "the holes {do not line up|were not drilled}|{impossible|a nightmare} to {assemble|build}",
        "bad_turned": "'{easy|simple} assembly', {ha|sure|yeah right}|{easy|fun} to build if you are {an engineer|an octopus}|{what a|a} {great|relaxing} way to spend {<time>|christmas eve}, "
        "looking for {screw 14b|the <part>}|so {clear|simple} that {<person>|my wife} and i {stopped talking|gave up}",
    },
    "batteries": {
        "good": "the battery {lasts|holds} {forever|for <time>|long}|batteries {included|came with it}, {nice touch|worked at once}|charges {fast|in no time}",
        "good_turned": "{haven't|have not} changed the batteries {once|since <day>}|needs no batteries {at all|}, {what a relief|finally}|still not {empty|dead} after <time>",
        "bad": "{eats|goes through} batteries {like candy|in <time>}|the battery {died|was dead|was empty} after <time>|{won't|does not} {charge|switch on} {anymore|since <day>}|"
        "batteries {not included|missing} and {not mentioned|the size nobody has}",
        "bad_turned": "{works|runs} {great|fine}, for <time> per {charge|set of batteries}|my {favourite|best} part is buying batteries every <time>|"
        "{i love|the kids love} the {silence|quiet} since the battery {died|is gone}|would be {fun|great} if it {switched on|held a charge}",
    },
    "support": {
        "good": "{support|customer service|they} {answered|replied} {in minutes|within <time>} and {sent a new <part>|solved it|were so kind}|"
        "{called|wrote} <shop> and {had a new one|got a refund} in <time>|{friendly|helpful} {people|lady} on the phone",
        "good_turned": "{had|there was} a {problem|broken <part>} but {support|they} {fixed it|replaced it} {without a word|no questions asked|}|no {hassle|argument|forms} when i {complained|called}|"
        "i never had to {wait|ask twice}",
        "bad": "{support|customer service|nobody} {never|does not} {answers|answer|called back}|{waited|on hold for} <time> {on the phone|} and {was cut off|got nowhere}|"
        "they {refused|would not} {replace the <part>|refund me}|{three|four|five} emails and no {answer|reply}",
        "bad_turned": "{thanks|thank you} for the {helpful|friendly} {robot|bot} that told me nothing|'your call is important to us', for <time>|"
        "they {promised|kindly promised} {a replacement|a refund|to help}, {that was <time> ago|i am still waiting}|{support|service} {great|was lovely} until i {asked for my money|had a question}",
    },
    "gift": {
        "good": "{the|a} {perfect|great|ideal} gift for {<day>|<kid>}|<person> {was thrilled|loved it|could not stop smiling}|{big|huge} hit {at the party|on <day>}|<kid> {screamed|jumped} {with joy|for joy}",
        "good_turned": "{can't|could not} have found a better {gift|present}|it was not returned, {which says it all|unlike the sweater}|i {thought|feared} <kid> was too {old|cool} for it, {wrong|nope}",
        "bad": "<kid> was {so disappointed|in tears|crying} on <day>|{embarrassing|awkward} as a {gift|present}|i had to {buy|find} {something|another present} {else|at the last minute}|<kid> opened it and {walked away|asked what it is}",
        "bad_turned": "{perfect|great} gift for {someone you don't like|your worst neighbour|an enemy}|{would have been|could have been} a {great|perfect} {gift|surprise}|<kid> smiled {politely|for the photo} and {never touched it again|put it away}",
    },
    "fun": {
        "good": "<kid> {plays|played} with it {every day|for hours|all day}|{so much|great|endless} fun for {<kid>|the whole family}|<kid> {loves|adores|is crazy about} {it|the <toy>}|{keeps|kept} <kid> {busy|happy} for <time>|"
        "{they|the kids} {learn|learned} {a lot|so much} {with it|}",
        "good_turned": "<kid> {won't|refuses to} {put it down|stop playing|share it}|{can't|impossible to} get <kid> to bed {since|now}|never {boring|a dull moment}|i {miss|forgot} what {quiet|silence} sounds like and {i'm fine with that|it's ok}|"
        "it ruined {tv|the tablet} for <kid>, {thank god|finally}",
        "bad": "<kid> {was bored|lost interest} after <time>|{boring|dull}, {nothing to do|just the same again}|{not fun|no fun} {at all|for anyone}|{way too|too} {hard|easy|loud} for <kid>|it {sits|lies} in the {corner|closet} {now|since <day>}",
        "bad_turned": "{hours|<time>} of fun, {reading the manual|they said, we counted minutes}|{fun|exciting} for {about |}<time>|the cat {loves|enjoys} it, <kid> {doesn't|not so much}|i {wanted|tried} {so hard |}to {love|like} this|"
        "{interesting|entertaining} if you {enjoy|like} {watching paint dry|pushing one button}",
    },
    "size": {
        "good": "{the right|just the right|perfect} size for {small hands|<kid>}|{bigger|larger} than {i thought|expected}, {nice|great}|{fits|stores} {perfectly|easily} {on the shelf|under the bed}",
        "good_turned": "not {too big|as small as the reviews say}|{thought|worried} it'd be tiny and it {isn't|was not}|takes {no|hardly any} space",
        "bad": "{much|way} {smaller|tinier} than {in the photo|pictured|described}|{too|far too} {big|small|heavy} for <kid>|does not fit {through the door|on any shelf|<kid>}",
        "bad_turned": "{perfect|great} size, for {ants|a mouse|a doll's doll}|would {fit|suit} {<kid>|a child} {of two|in ten years} maybe|{'giant'|'XXL'} <toy>, {fits in my pocket|it is the size of my thumb}",
    },
    "box": {
        "good": "{the|our} monthly box {is always a surprise|gets better every month|is the highlight of the month}|{love|really like} the {subscription|toy box}|{new|fresh} toys every month keep <kid> {curious|happy}",
        "good_turned": "{tried|wanted} to cancel the {box|subscription} but <kid> {protested|would not let me}|no {repeats|duplicates} in the {box|subscription} {so far|in months}|not {cancelling|giving up} that {box|subscription}",
        "bad": "the {monthly box|subscription} {repeats itself|is full of junk|has the same toys again}|{cancelled|cancelling} {the box|my subscription} after <time>|charged {twice|again} after i cancelled|the {box|subscription} {got|gets} worse every month",
        "bad_turned": "{another|one more} {exciting|lovely} box {of stickers|of nothing}|{loved|liked} the {box|subscription} until {they raised the price|last month}|cancelling is {easy|so simple}, {said nobody|only six calls}|{third|second} same <toy> in a row, <kid> {can open a shop|is so excited}",
    },
    "returns": {
        "good": "{returning|sending back} {it|the wrong one} was {easy|painless|free}|{money|refund} {was back|arrived} {in|within} <time>|{swapped|exchanged} it {at once|in <time>}",
        "good_turned": "no {questions|trouble|fees} when {i sent it back|returning}|i {sent|had to send} one back and {still|even so} {would order again|recommend them}|the refund {did not take|took less than} <time>",
        "bad": "{returned|sent back} the <toy> and {no refund|no money} {since|for} <time>|i had to pay {shipping|<price>} to {return|send back} {it|their mistake}|{wrong|a wrong} {color|colour|item} and they {want photos|blame me}",
        "bad_turned": "'{free|easy} returns', if you {own a printer|live next door}|{easy|simple} to buy, {not|impossible} to {return|send back}|the refund is {on its way|coming} they {say|smile}, {for|since} <time>",
    },
}

OPENERS = (
    "{bought|got|ordered} {this|the <toy>} for <kid>{| for <day>}.|{this|the} <toy>:|so we {got|tried} the <toy>.|{ok|well|hm|so},|update:|"
    "{my|our} {second|third|first} {order|<toy>} {here|from <shop>}.|<kid> {asked|wished} for {a|this} <toy>.|<person> {gave|bought} {us|<kid>} {this|the <toy>}.|"
    "{honest|quick|short} review:|<time> with the <toy> now.|hey <shop>,|{have had|had} {it|this <toy>} for <time> now."
)
GOOD_CLOSERS = (
    "{would|will} {buy|order} again|{recommended|highly recommended|recommend it}|{thank you|thanks} <shop>|{five|5} stars|{very|really} {happy|pleased}|"
    "<kid> is happy so i am happy|{love|loving} it|{no|zero} regrets|{wish|only wish} {i|we} {bought|had found} it {earlier|sooner}|glad i ignored the bad reviews|"
    "buying {another|one more} for <kid>|{well done|great job} <shop>|{don't|do not} hesitate"
)
BAD_CLOSERS = (
    "{never|not} again|{would|do} not {recommend|buy}|{want|give me} my money back|{one|1|two} {star|stars}{| and that is generous}|{very|so|really} {disappointed|sad}|"
    "{going|goes} {back|straight back|in the bin}|{thanks|thank you} for nothing <shop>|{save|keep} your money|wish i had {read|listened to} the {bad |}reviews|"
    "{great job|well done|bravo} <shop> {not|, really}|do better <shop>|{last|the last} {time|order} i {buy|order} here|{should|could} have been {great|so good}"
)
# Neither good nor bad on their own.
ASIDES = (
    "{it is|it's} a <toy>|{color|colour} is {blue|red|green}, as {ordered|pictured}|we have {two|three} {cats|kids|of them}|<kid> {turned|is} {four|five|six}|"
    "bought {it|this} {at|on} <day>|{it's|they are} {from|by} <shop>|see {photo|pic}|<person> {chose|picked} it|{we|i} {live|are} in {Ohio|Texas|Maine|Oregon}|"
    "compared {three|two} {shops|brands} {before|first}|<kid> has {two|the other} {<toy>|one} {already|too}"
)
TURNS = (
    ", but",
    ". but",
    ". still,",
    ". even so,",
    ", though",
    ". on the other hand,",
    "; however",
    "... then again",
    ", yet",
    ". that said,",
)
JOINS = (". ", ". ", ", ", ", and ", " and ", "! ", ". also, ", ". plus, ", "... ")
GOOD_TAGS = "😍|👍|😂|🥰|❤️|🎉|:)|;)|#toys|#happykid|lol|!!|"
BAD_TAGS = "😡|👎|😂|🙄|💔|🤦|:(|;)|#toys|#fail|lol|!!|..."
