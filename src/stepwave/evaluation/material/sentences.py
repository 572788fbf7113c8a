"""Sentences to be read aloud, written for this project (CC0): everyday words and names, questions, long and short.

Numbers are written out, so that a listener's spelling of them is no error.
"""

from typing import Final

ENGLISH: Final = (
    "The ferry leaves the old harbour at half past six.",
    "Could you tell me which platform the night train stops at?",
    "Her brother planted four apple trees behind the garage.",
    "We were both surprised by how quiet the city was that morning.",
    "Put the flour into the larger bowl, then add the milk little by little.",
    "A thin layer of ice covered the pond until the middle of March.",
    "I would rather walk than wait another twenty minutes for a bus.",
    "The museum keeps its oldest maps in a cool, dark room.",
    "Nobody had opened the letter that lay on the kitchen table.",
    "Three geese crossed the road, and all the cars had to stop.",
    "Please call the dentist before noon and ask about Thursday.",
    "The thunder rolled over the valley long after the rain had ended.",
    "Margaret lent her best umbrella to a stranger and never saw it again.",
    "How much sugar is there in a glass of lemonade?",
    "The carpenter measured the shelf twice and cut it once.",
    "In winter the lighthouse keeper read a book every week.",
    "They sold the piano, but the children still sing after supper.",
    "Turn left at the bakery, and you will see the bridge at once.",
    "Fresh bread smells best when the windows are closed.",
    "The judge listened to both farmers and then asked about the fence.",
    "Six young foxes were playing on the sunny side of the hill.",
    "Why does the kettle whistle only when the water boils?",
    "My grandmother could name every star above her village.",
    "After the concert we stood outside and hummed the last melody.",
)
CHINESE: Final = (
    "渡船每天早上六点半离开老码头。",
    "请问夜里的火车停在哪个站台？",
    "她的弟弟在车库后面种了四棵苹果树。",
    "那天早晨城市里安静得让我们吃惊。",
    "先把面粉倒进大碗里，再慢慢加牛奶。",
    "池塘上的薄冰一直到三月中旬才化。",
    "与其再等二十分钟的公共汽车，我宁愿走路。",
    "博物馆把最古老的地图放在阴凉的房间里。",
    "厨房桌子上的那封信一直没有人打开。",
    "三只鹅过马路，所有的车都停了下来。",
    "一杯柠檬水里有多少糖？",
    "雨停了很久，山谷里还有雷声。",
)
