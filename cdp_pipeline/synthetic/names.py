"""Given names and surnames of the four countries, with how common each is.

Belongs here: names as public statistics list them (most common first, by generation), the parts
of composed names, short forms, and the pools that people are drawn from.
Does not belong here: who bears which name (`people`), or how a clerk misspells it (`records`).
Frequencies follow the published rank-frequency curves; the long tail is composed from the parts
that Nordic surnames are really composed of, so that common and rare names both occur.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

COUNTRIES = ("SE", "NO", "DK", "FI")

# country -> gender -> cohort (born before 1958, before 1985, later): most common first.
GIVEN: dict[str, dict[str, tuple[str, str, str]]] = {
    "SE": {
        "f": (
            "Margareta Birgitta Karin Marie Anna Kristina Ingrid Barbro Eva Inger Gunilla Kerstin "
            "Marianne Lena Monica Berit Ulla Anita Britt Gun Siv Gunnel Elsa Inga Astrid Sonja "
            "Maj Irene Solveig Agneta Yvonne Ann-Marie Anne-Marie Britt-Marie Rut Vera Elisabet "
            "Christina Gudrun Lisbeth Ingegerd Ulla-Britt Gerd Sigrid Mona Ann-Christin Greta "
            "Märta Viola Maud Elsie Iris Dagmar Gunborg Aina Ingela Mariann Linnéa Ann-Britt "
            "Harriet Rose-Marie Majken Asta Edit Lilian Rigmor",
            "Maria Anna Eva Lena Karin Åsa Susanne Helena Marie Annika Ulrika Camilla Malin Jenny "
            "Linda Sofia Johanna Anneli Carina Pia Monika Sara Petra Cecilia Kristina Charlotte "
            "Helen Katarina Anette Therese Elisabeth Jessica Åse Sandra Ann-Sofie Pernilla Lotta "
            "Marika Mia Erika Nina Maria-Louise Emma Madeleine Viktoria Frida Jeanette Louise "
            "Elin Ingela Catharina Veronica Marlene Mikaela Gabriella Carola Angelica Ida Lisa "
            "Titti Gunilla Birgitta Ewa Tina Liselott Karolina Josefin",
            "Emma Elin Amanda Hanna Julia Ida Sofia Alice Maja Elsa Matilda Linnéa Alva Wilma "
            "Ella Ebba Sara Moa Felicia Frida Olivia Klara Sandra Johanna Lovisa Tuva Nathalie "
            "Ellen Isabelle Josefine Rebecka Agnes Saga Evelina Tilda Signe Nova Astrid Stina "
            "Cornelia Vera Thea Elvira Amelia Filippa Nellie Isabella Emilia Tyra Freja Molly "
            "Smilla Lova Hilda Tindra Vendela Ellinor Jasmine Fanny Selma Siri Meja Alma Ronja",
        ),
        "m": (
            "Lars Anders Karl Per Lennart Jan Hans Göran Bengt Sven Bo Gunnar Kjell Rolf Olof Leif "
            "Åke Stig Ulf Arne Nils Ingemar Lars-Erik Roland Kent Börje Rune Björn Christer Tommy "
            "Bertil Inge Erik Kurt Jan-Erik Håkan Ingvar Roger Per-Olof Tore Sture Sune Gösta "
            "Evert Folke Ragnar Harry Karl-Erik Bror Holger Torsten Sigvard Curt Axel Allan "
            "Lars-Olof Karl-Gustav Ove Bernt Gert Sören Conny Jan-Olof Hugo Verner Assar Egon",
            "Mikael Anders Johan Per Peter Stefan Fredrik Thomas Magnus Henrik Mats Patrik Jonas "
            "Martin Andreas Daniel Christian Niklas Marcus Robert Mattias Joakim Jörgen Håkan Lars "
            "Jan Erik Tobias David Jimmy Urban Claes Jesper Kenneth Tomas Rickard Pär Torbjörn "
            "Roger Tony Johnny Ulf Jens Conny Rikard Staffan Kristoffer Dan Mikko Ola Örjan Olle "
            "Svante Pontus Kristian Linus Björn Glenn Ronny Ove Henric Mårten Jonny Niclas Sören",
            "Oscar Alexander William Erik Viktor Simon Anton Filip Emil Lucas Hugo Elias Linus "
            "Axel Gustav Marcus Oliver Liam Sebastian Adam Albin Jonathan Rasmus Isak Max Daniel "
            "Jakob Ludvig Robin Kevin Hampus Christoffer Philip Jesper Noah Arvid Leo Theo Melvin "
            "Edvin Carl Felix David Gabriel Alvin Viggo Vincent Casper Nils Tobias Joel August "
            "Olle Måns Benjamin Samuel Malte Love Kasper Wilhelm Elliot Tim Josef Milo Sixten",
        ),
    },
    "NO": {
        "f": (
            "Anne Inger Kari Marit Liv Randi Astrid Berit Bjørg Solveig Gerd Eva Ingrid Aud Else "
            "Sissel Turid Anna Wenche Tove Ruth Ragnhild Torill Unni Grethe Elsa Åse Reidun Karin "
            "Gunvor Sigrid Borghild Bodil Eli Ellen Synnøve Mary Rigmor Brit Kirsten Oddny Signe "
            "Magnhild Anne-Marie Inger-Lise Anne-Lise Aslaug Oddbjørg Målfrid Eldbjørg Torbjørg "
            "Jorunn Sonja Asbjørg Margit Gudrun Laila Evy Olaug Dagny",
            "Anne Hilde Nina Monica Heidi Hege Siv Tone Ann Trine Linda Marianne Gro Bente Elin "
            "Kristin Merete Lene Anita Camilla Silje Mona Ingunn Kjersti Vibeke Rita Lise Cecilie "
            "Stine Wenche Tonje Randi Line Elisabeth Marte Hanne Janne Ellen Solveig Mette Grete "
            "Ann-Kristin Gunn Unni Siri Beate Britt Nina-Marie Torunn Guro Ragnhild Anne-Grethe "
            "Benedicte Tove Eirin Marit Charlotte Kathrine Toril Annette Veronika",
            "Ida Emma Ingrid Nora Thea Sara Julie Maria Emilie Silje Karoline Marte Hanna Martine "
            "Sofie Malin Amalie Camilla Stine Frida Vilde Mia Ella Maja Sunniva Tuva Andrea Marie "
            "Kristine Sigrid Helene Eline Ingvild Oda Mathilde Victoria Astrid Olivia Leah Selma "
            "Aurora Live Solveig Synne Tiril Hedda Guro Mari Jenny Vilja Eira Åshild Rikke Kaja "
            "Mina Kristin Pernille Iselin Tonje Marthe",
        ),
        "m": (
            "Jan Per Bjørn Ole Kjell Svein Arne Knut Odd Harald Hans Tor John Leif Rolf Nils Erik "
            "Arvid Terje Einar Øyvind Gunnar Sverre Olav Trond Kåre Ivar Egil Asbjørn Sigurd Magne "
            "Reidar Roald Jens Helge Ragnar Karl Torbjørn Thor Finn Oddvar Steinar Alf Birger "
            "Kolbjørn Johannes Jostein Trygve Øystein Bjarne Ingvar Halvor Åge Sigmund Torleif "
            "Hallvard Edvard Asle Georg Kristoffer",
            "Jan Morten Geir Thomas Rune Frode Øyvind Trond Espen Bjørn Stian Lars Anders Kjetil "
            "Roger Vidar Tom Tor Frank Ole Per Svein Terje Kristian Christian Martin Øystein Erik "
            "Knut Jarle Ståle Roy Roar Hans Pål Håkon Kenneth Kjell Jon Stig Robert Ronny Atle "
            "Torstein Harald Sven Petter Dag Magnus Eirik Arild Asbjørn Jørn Helge Odd Nils Bård "
            "Joakim Tore Jo",
            "Markus Emil Lucas Jakob Oliver Henrik Kristian Magnus Andreas Martin Sander Mathias "
            "Jonas Alexander Sebastian Tobias William Filip Håkon Noah Elias Fredrik Adrian Ole "
            "Daniel Marius Simen Eirik Oskar Kristoffer Isak Aksel Theodor Emil Johannes Jørgen "
            "Lars Sondre Liam Benjamin Vetle Mikkel Eivind Petter Ludvig Odin Even Sivert Ulrik "
            "August Sigurd Iver Herman Torjus Brage Thomas Stian Anders Espen Joakim",
        ),
    },
    "DK": {
        "f": (
            "Kirsten Inger Else Anne Karen Birthe Lis Jytte Inge Bente Tove Hanne Birgit Grethe "
            "Lene Ruth Bodil Ellen Ingrid Annelise Conni Rita Aase Kirstine Solveig Ulla Gerda "
            "Lissi Elin Edith Gudrun Elly Vibeke Ragnhild Lilly Edel Eva Ketty Rigmor Merete Marie "
            "Kaja Agnes Jonna Grete Asta Dorthe Elisabeth Anna Anne-Marie Anne-Lise Ulla-Marie "
            "Signe Erna Lizzi Kate Jette Nina Ester",
            "Mette Susanne Charlotte Lone Hanne Anne Tina Pia Helle Dorthe Gitte Heidi Camilla "
            "Annette Marianne Lene Jette Louise Birgitte Maria Karina Rikke Trine Vibeke Bente "
            "Anja Malene Winnie Pernille Stine Line Bettina Henriette Majbritt Lise Christina "
            "Anita Sanne Maiken Tine Merete Britta Ulla Signe Lisbeth Gry Mia Betina Kirsten "
            "Katrine Conny Anne-Mette Karen Marie Laila Linda Hannah Susan Ditte Inge-Lise",
            "Emma Ida Freja Sofie Laura Anna Julie Mathilde Caroline Cecilie Maria Emilie Camilla "
            "Sara Amalie Josefine Katrine Signe Clara Alberte Isabella Nanna Michelle Sarah Line "
            "Frederikke Maja Amanda Nicoline Rikke Astrid Agnes Karla Olivia Alma Ella Liva Mille "
            "Victoria Kirstine Simone Natasja Marie Christine Johanne Filippa Lærke Luna Silje "
            "Nina Stine Mie Asta Thea Merle Naja Kathrine Rosa Anne-Sofie Vigga",
        ),
        "m": (
            "Jørgen Hans Niels Poul Jens Erik Peter Ole Knud Svend Per Bent Henning Kaj Finn Leif "
            "Kurt Preben Arne John Villy Flemming Børge Carl Aage Verner Bjarne Ejner Ib Hardy "
            "Gunnar Orla Karl Mogens Egon Viggo Otto Tage Jan Søren Helge Harry Holger Ove Ernst "
            "Erling Frede Gert Palle Kjeld Ejvind Steen Aksel Thorkild Vagn Christian Johannes "
            "Frits Ebbe Torben",
            "Michael Lars Henrik Thomas Jesper Peter Morten Jan Søren Christian Martin Kim Jens "
            "Brian Claus Rasmus Torben Bo Carsten Per Anders Allan Kenneth Mads Flemming René "
            "Steen Jacob Frank Dennis Johnny Tommy Ole Niels Finn Lasse Kasper Tom Ulrik Karsten "
            "Kristian Hans Kaare Bjarne Nicolai Jørgen Mikkel Daniel Simon Erik John Ronni Poul "
            "Palle Heine Lennart Mikael Troels Jimmi Rune",
            "Mathias Frederik Mikkel Christian Oliver Magnus Emil William Lucas Mads Victor Rasmus "
            "Noah Nikolaj Kasper Sebastian Jonas Alexander Tobias Andreas Simon Malthe Oscar Carl "
            "Jakob Anton Daniel Anders Valdemar Philip August Benjamin Marcus Jeppe Alfred Emil "
            "Johan Elias Gustav Martin Casper Storm Mathis Marius Laurits Patrick Christoffer "
            "Lasse Bertram Silas Felix Søren Aksel Villads Theodor Jonathan Albert Hjalte Esben",
        ),
    },
    "FI": {
        "f": (
            "Marjatta Anneli Ritva Leena Kaarina Pirkko Helena Liisa Maija Tuula Riitta Aino Eila "
            "Raija Anja Sirkka Irma Seija Hilkka Terttu Marja-Leena Marja-Liisa Aila Kerttu Helmi "
            "Annikki Maire Irja Mirja Pirjo Sisko Raili Elsa Kaija Vuokko Eeva Elli Hellevi Lea "
            "Aune Kyllikki Airi Rauha Toini Saimi Lempi Inkeri Martta Marketta Sylvi Aili Vieno "
            "Anna-Liisa Tyyne Impi Leila Kirsti Aulikki Orvokki Birgitta",
            "Päivi Sari Tiina Anne Minna Merja Marja Kirsi Satu Tarja Sirpa Jaana Mari Hanna Heli "
            "Eija Katja Sanna Johanna Outi Taina Arja Anu Susanna Nina Mervi Marika Virpi Riikka "
            "Kati Teija Tuija Maarit Heidi Pia Elina Laura Marjo Kristiina Anna Maria Niina Tanja "
            "Ulla Leena Terhi Marianne Piia Annukka Katri Jonna Ulla-Maija Henna Suvi Krista Eeva "
            "Kaisa Mia Tarja-Liisa Carita",
            "Emma Aino Sofia Ella Aada Emilia Venla Helmi Eevi Olivia Laura Jenni Noora Veera Anni "
            "Roosa Ida Iida Sara Julia Milla Essi Jenna Sanni Oona Siiri Vilma Elli Aleksandra "
            "Anna Pinja Nea Viivi Emmi Saara Lotta Riikka Heidi Iiris Linnea Nelli Minttu Elsa "
            "Enni Tiia Amanda Neea Hilla Lumi Alisa Aurora Ronja Mira Elina Janette Wilma Isla "
            "Eveliina Pihla Anna-Maria",
        ),
        "m": (
            "Juhani Matti Pekka Timo Seppo Kari Antti Heikki Erkki Jorma Pentti Veikko Raimo "
            "Pertti Eero Esko Tapani Martti Reijo Kalevi Olavi Hannu Ilmari Risto Eino Kauko Paavo "
            "Toivo Lauri Veijo Aimo Keijo Osmo Urpo Viljo Teuvo Arvo Pauli Jouko Väinö Aarne Tauno "
            "Onni Oiva Armas Ahti Reino Niilo Unto Yrjö Mauno Rauno Erik Leo Vilho Juha-Matti "
            "Veli-Matti Simo Tapio Antero",
            "Mika Jari Juha Petri Marko Jukka Pasi Timo Sami Janne Ari Mikko Kimmo Jani Harri Tero "
            "Hannu Jarmo Vesa Esa Markku Arto Teemu Toni Ville Jarkko Antti Jyrki Kai Tommi Tomi "
            "Jouni Ilkka Tuomas Ismo Olli Sakari Matti Petteri Rami Henri Markus Kari Juha-Pekka "
            "Jussi Veli-Pekka Lasse Topi Aki Riku Anssi Janne-Petteri Kalle Pekka Jaakko Erno "
            "Tuomo Mikael Risto Lauri",
            "Onni Eetu Juho Aleksi Leo Elias Oliver Väinö Eino Mikko Ville Joona Niko Lauri Antti "
            "Joonas Jesse Arttu Otto Akseli Samuel Jere Santeri Tuomas Henri Miika Valtteri Roope "
            "Veeti Leevi Juuso Eemeli Rasmus Matias Aapo Oskari Toivo Daniel Konsta Kasper Samu "
            "Aaro Nooa Hugo Emil Jimi Niklas Topias Kalle Oskar Viljami Lenni Vilho Iivari Luukas "
            "Max Atte Peetu Olli Jani",
        ),
    },
}

# origin -> (female given, male given, surnames): names that came with people, in all countries.
ORIGINS: dict[str, tuple[str, str, str]] = {
    "arabic": (
        "Fatima Zahra Noor Maryam Layla Amina Hanan Rania Huda Yasmin Mariam Nour Sana Iman Sahar "
        "Rim Dalia Lamia Wafa Manal Hala Reem Asma Noura Suha Ghada Nawal Rasha Abir Fadia Mayssa "
        "Jana Zainab Sara Khadija Dina Samira Nadia Salma Rana Israa Hiba Aya Lina Mona Ruba Farah",
        "Mohamed Ahmed Ali Hassan Omar Mahmoud Ibrahim Yousef Khaled Mustafa Hussein Abdullah "
        "Samir Karim Tariq Bilal Amir Walid Hamza Fadi Ziad Nabil Rami Anas Jamal Adel Bassam "
        "Firas Ghassan Haitham Imad Issam Jihad Kamal Marwan Mazen Munir Nader Osama Qusay Raed "
        "Salim Sami Tareq Wael Yasser Zakaria Amin Faisal Louay",
        "Mohamed Ali Ahmed Hassan Ibrahim Hussein Mahmoud Khalil Abbas Saleh Yousef Haddad Khoury "
        "Al-Khatib Nasser Saad Jaber Hamdan Mansour Aziz Said Karim Darwish Kassem Hamid Salem "
        "Farah Rahman Taha Zaki Badawi Sabbagh Hariri Mahdi Alwan Jabbar Kadhim Obeid Fares Shami "
        "Halabi Masri Tamimi Qasim Rashid Salman Sultan Wahid Yassin Ziadeh Nasr Aboud Mousa Issa "
        "Hanna Saeed Fayad Hammoud Ramadan Al-Sayed Younes Barakat Shaheen Najjar Awad",
    ),
    "somali": (
        "Hodan Fadumo Sagal Ayaan Ifrah Amina Halimo Nasra Hawa Sahra Ubah Deqa Fardowsa Hibo Idil "
        "Kaltun Luul Muna Nimo Rahma Saynab Xaawo Yasmiin Farhiya Khadra Maryan Asha Zamzam Hibaq "
        "Ilhan Suad",
        "Abdi Mohamed Abdullahi Ahmed Yusuf Ismail Abdirahman Mahad Farah Liban Hassan Mukhtar "
        "Jama Omar Ali Guled Bashir Abdiaziz Abdikadir Ayanle Burhan Dahir Hamse Idris Khadar "
        "Mustafe Nuur Roble Sakariye Sharmarke Said Warsame",
        "Mohamed Ali Hassan Ahmed Abdi Omar Farah Jama Warsame Yusuf Abdullahi Ismail Nur Osman "
        "Aden Hersi Elmi Duale Mohamud Gure Abdirahman Artan Barre Dirie Egal Gedi Haji Hirsi Ige "
        "Jimale Mire Roble Samatar Shire Sheikh Ugas",
    ),
    "balkan": (
        "Amra Jasmina Emina Selma Ivana Marija Jelena Mirela Aida Lejla Sanja Snežana Dragana "
        "Fatime Arta Vlora Besa Ana Dijana Senada Zorica Nermina Mirjana Elma",
        "Amir Goran Zoran Dejan Nenad Admir Edin Emir Mirza Ivan Marko Dragan Adnan Besim Arben "
        "Agim Faruk Senad Nikola Stefan Milan Damir Jasmin Haris",
        "Jovanović Petrović Nikolić Hodžić Begić Marković Hadžić Kovačević Krasniqi Gashi Berisha "
        "Horvat Delić Mehmedović Ibrahimović Halilović Babić Đorđević Popović Morina Shala Hoti "
        "Osmanović Ilić Stanković Mujić",
    ),
    "polish": (
        "Anna Katarzyna Małgorzata Agnieszka Ewa Magdalena Joanna Monika Aleksandra Beata Karolina "
        "Dorota Justyna Iwona Natalia Paulina Sylwia Marta Zofia Halina",
        "Piotr Krzysztof Andrzej Tomasz Marcin Paweł Michał Grzegorz Marek Łukasz Adam Jakub "
        "Mateusz Wojciech Rafał Dariusz Zbigniew Kamil Dawid Szymon",
        "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański "
        "Woźniak Dąbrowski Kozłowski Mazur Jankowski Krawczyk Piotrowski Grabowski Pawłowski "
        "Michalski Król Wieczorek Jabłoński Wróbel Majewski",
    ),
    "persian": (
        "Maryam Zahra Shirin Bahar Donya Elnaz Ghazal Haleh Katayoun Ladan Mehrnaz Negar Pegah "
        "Simin Taraneh Yalda Nasrin Parisa Leila Mina Azadeh Nazanin Roya Golnaz Mahsa Elham "
        "Setareh Fereshteh Mitra Laleh Sahar Niloufar Ziba",
        "Ali Reza Mehdi Hossein Amir Behzad Kamran Dariush Farhad Arash Babak Saeed Masoud Kaveh "
        "Omid Siavash Ehsan Navid Hamid Bahram Ardalan Cyrus Farzad Houshang Iraj Jamshid Keyvan "
        "Mansour Nima Parviz Ramin Shahin Vahid",
        "Ahmadi Mohammadi Hosseini Karimi Rezaei Moradi Jafari Rahimi Sadeghi Ghasemi Ebrahimi "
        "Hashemi Akbari Nazari Rostami Soltani Tehrani Kazemi Azizi Heydari Farahani Zand Abbasi "
        "Bagheri Davoudi Esfahani Fallahi Ghorbani Habibi Imani Jalali Kamali Lotfi Mousavi Naderi "
        "Pourmand Qorbani Razavi Sharifi Tavakoli Vaziri Yazdani",
    ),
    "turkish": (
        "Ayşe Fatma Emine Hatice Zeynep Elif Meryem Özlem Sibel Gülsen Songül Sevgi Derya Aylin "
        "Rojin Dilan Berfin Hülya Nurcan Ebru",
        "Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim Murat Yusuf Ömer Serkan Kemal Emre Cem "
        "Azad Baran Deniz Bülent Orhan Volkan",
        "Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Arslan Doğan Kılıç Aslan Çetin Kara "
        "Koç Kurt Özdemir Şimşek Polat Korkmaz Acar Bozkurt",
    ),
    "asian": (
        "Linh Mai Thi Hoa Lan Thuy Phuong Trang Nga Hanh Ying Jing Xia Na Rui Deepa Kavita Lakshmi "
        "Meena Nisha Pooja Nguyet Somchai Siriporn Wanida Malee Mei Li Yan Xiaoli Priya Anjali "
        "Sunita Maria-Luisa Jocelyn Rowena Thao",
        "Minh Anh Tuan Hung Duc Nam Wei Jian Hao Raj Arjun Vikram Sanjay Jun Long Quang Van Binh "
        "Jose Ramon Khanh Phong Son Thanh Viet Bo Chao Feng Gang Amit Deepak Gaurav Kiran Mohan "
        "Nikhil Ravi",
        "Nguyen Tran Le Pham Hoang Vu Dang Bui Do Wang Li Zhang Chen Liu Singh Kumar Sharma Patel "
        "Santos Reyes Cruz Srisuk Chaiyasit Wongsa Duong Ngo Phan Truong Huynh Yang Huang Zhao Wu "
        "Xu Sun Ma Zhu Guo Gupta Singhania Reddy Iyer Nair Garcia Mendoza Ramos Bautista "
        "Villanueva Aquino Boonmee Saetang",
    ),
    "icelandic": (
        "Guðrún Anna Sigríður Kristín Margrét Helga Sigrún Ingibjörg Jóhanna María Katrín Hildur",
        "Jón Sigurður Guðmundur Gunnar Ólafur Einar Kristján Magnús Stefán Jóhann Björn Árni",
        "",  # patronyms, see `surname_pools`
    ),
}

# Most common first. `_` stands for a blank inside one surname.
SURNAMES: dict[str, str] = {
    "SE": "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson "
    "Gustafsson Pettersson Jonsson Jansson Hansson Bengtsson Jönsson Lindberg Jakobsson Magnusson "
    "Lindström Olofsson Lindqvist Lindgren Berg Axelsson Bergström Lundberg Lind Lundgren "
    "Lundqvist Mattsson Berglund Fredriksson Sandberg Henriksson Forsberg Sjöberg Wallin Engström "
    "Eklund Danielsson Lundin Håkansson Björk Bergman Gunnarsson Wikström Holm Samuelsson Isaksson "
    "Fransson Bergqvist Nyström Holmberg Arvidsson Löfgren Söderberg Nyberg Blomqvist Claesson "
    "Nordström Mårtensson Lundström Eliasson Pålsson Viklund Björklund Berggren Sandström Nordin "
    "Lund Falk Ström Åberg Ekström Hermansson Holmgren Hedlund Hellström Dahlberg Sundberg Sjögren "
    "Ek Blom Abrahamsson Martinsson Öberg Andreasson Strömberg Månsson Hansen Åkesson Dahl "
    "Lindholm Norberg Jonasson Holmqvist Ivarsson Sundström Åström Söderström Norén Åkerlund Lilja "
    "Öhman Hägglund Melin Nord Ottosson Sköld Franzén Höglund Wahlström Ericsson Gren Moberg Palm "
    "Hult Ljung Alm Borg Roos Rosén Nylund Lantz Frisk Rask Sundin Brandt Norling Stål Törnqvist "
    "Ekman Hellberg Malm Edlund Linder Östlund Sjöström Bäckström Hallberg Wallén Åhlund Bohlin "
    "Thorsell Kjellberg Nygren Rydberg Hagström Rosengren Fors Lövgren Bäck Wiklund Modin Almqvist "
    "Högberg Rönnqvist Tjäder Wennberg Zetterberg Kron Dufva Ahlgren von_Essen af_Ekenstam "
    "Gyllenhammar Silfverstolpe Uggla Reuterskiöld Lagercrantz Hammarskjöld Andersdotter "
    "Larsdotter",
    "NO": "Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Jensen Karlsen "
    "Johnsen Pettersen Eriksen Berg Haugen Hagen Johannessen Andreassen Jacobsen Dahl Jørgensen "
    "Halvorsen Henriksen Lund Sørensen Jakobsen Moen Gundersen Iversen Strand Solberg Svendsen "
    "Eide Knutsen Martinsen Paulsen Bakken Kristoffersen Mathisen Lie Rasmussen Amundsen Lunde "
    "Bakke Berge Nguyen Lien Nygård Moe Bjerke Bøe Fredriksen Solheim Holm Nygaard Hauge "
    "Christensen Haugland Ødegård Aas Tangen Thomassen Aasen Isaksen Arnesen Haug Hermansen Ruud "
    "Sandvik Antonsen Danielsen Ellingsen Engen Gulbrandsen Sæther Ali Edvardsen Birkeland "
    "Simonsen Tveit Tveiten Hovland Brekke Myhre Nilssen Aune Thorsen Strøm Eliassen Myklebust "
    "Sivertsen Aamodt Ødegaard Vik Gjerde Sletten Fossum Næss Rønning Hoel Mikkelsen Evensen Rød "
    "Skaar Sunde Bråten Tveter Øien Hammer Espeland Kvam Lervik Stokke Nordby Viken Grønli Haaland "
    "Kleppe Rustad Fjeld Skogstad Lyngstad Eikeland Bergli Vatne Høiby Sørli Røed Åsheim Torgersen "
    "Wold Hegdahl",
    "DK": "Nielsen Jensen Hansen Pedersen Andersen Christensen Larsen Sørensen Rasmussen Jørgensen "
    "Petersen Madsen Kristensen Olsen Thomsen Christiansen Poulsen Johansen Møller Mortensen "
    "Knudsen Jakobsen Jacobsen Mikkelsen Olesen Frederiksen Laursen Henriksen Lund Schmidt Eriksen "
    "Holm Kristiansen Clausen Simonsen Svendsen Andreasen Iversen Jeppesen Vestergaard Nissen "
    "Lauridsen Østergaard Jespersen Mogensen Frandsen Jepsen Kjær Søndergaard Bertelsen Bech "
    "Carlsen Dahl Christoffersen Bach Gregersen Bak Kjeldsen Friis Steffensen Lassen Nygaard "
    "Winther Hermansen Toft Krogh Lauritsen Danielsen Overgaard Bruun Ravn Brandt Damgaard "
    "Villadsen Bang Juhl Dam Skov Thygesen Kirkegaard Kruse Mathiesen Bjerregaard Nørgaard Hald "
    "Klausen Thorsen Holst Eskildsen Koch Ibsen Berg Bisgaard Lorenzen Munk Enevoldsen Buch "
    "Axelsen Dalgaard Nørskov Riis Vinther Ipsen Holmgaard Skovgaard Korsgaard Gade Abildgaard "
    "Boesen Krarup Lind Birk Thøgersen Kofoed Sloth Krag Uhrenholt Højgaard Bundgaard Ærø Fisker "
    "Smed Aagaard Bonde",
    "FI": "Korhonen Virtanen Mäkinen Nieminen Mäkelä Hämäläinen Laine Heikkinen Koskinen Järvinen "
    "Lehtonen Lehtinen Saarinen Salminen Niemi Heinonen Salonen Heikkilä Turunen Laitinen Salo "
    "Rantanen Tuominen Jokinen Mattila Karjalainen Savolainen Lahtinen Ahonen Ojala Leppänen "
    "Hiltunen Väisänen Kinnunen Leinonen Miettinen Pitkänen Aaltonen Manninen Koivisto Hakala "
    "Anttila Laaksonen Hirvonen Räsänen Lehto Laakso Toivonen Rantala Mustonen Aalto Nurmi "
    "Moilanen Hänninen Partanen Kettunen Peltonen Lappalainen Kallio Kauppinen Salmi Ahola Pesonen "
    "Hakkarainen Kokkonen Nyman Huttunen Karppinen Tikkanen Karvonen Eronen Jääskeläinen Sillanpää "
    "Halonen Harju Mikkonen Peltola Suominen Kemppainen Nykänen Oksanen Vainio Lindholm Johansson "
    "Lindström Karlsson Nyberg Eklund Söderholm Backman Sundström Holmström Lindqvist Granlund "
    "Nylund Häggblom Kärkkäinen Ikonen Tuomi Saari Rossi Pulkkinen Seppälä Hyvönen Kärki Taskinen "
    "Ruotsalainen Immonen Kukkonen Vuorinen Aro Mäki Keskinen Luoma Alatalo Haapala Kangas "
    "Yli-Mäki Ala-Korpela Rautio Tervo Ylönen Öhman Kivelä Marttila Oinonen Parviainen Rissanen "
    "Tolonen",
}

# Parts that the long tail is composed of: (first parts, last parts).
COMPOSED: dict[str, tuple[tuple[str, str], ...]] = {
    "SE": (
        (
            "Lind Berg Björk Ek Sten Sund Ny Sand Dal Hag Hed Holm Kvarn Led Lag Malm Norr Ny Ros "
            "Rönn Skog Söder Ström Sjö Torn Vall Väster Åker Ång Öst Öster Alm Asp Ceder Blom Fält "
            "Fors Gran Grön Gyll Hall Ham Heller Häll Höj Kjell Lilje Lund Löv Mark Nord Palm Ryd "
            "Ram Rosen Silver Stål Strand Säll Svan Tall Ull Vester Wester Wik Zetter Ähl Ö Adler "
            "Ander Appel Back Bolin Bred Brun Dahl Eng Fager Falk Frid Ger Glim Gull Gyllen Hassel "
            "Hell Hjort Hult Hvit Häger Jern Kall Klint Knut Korn Kull Lager Leijon Ljung Lov Lys "
            "Mel Moss Myr Möll Nor Od Ol Os Pil Ram Rund Rys Sal Sjö Skjöld Skär Stjern Sved Säf "
            "Sönder Tegel Thor Till Tim Törn Ulf Vall Varg Ving Väg Ytter Åhl Åst Älv Ängs",
            "berg ström gren qvist kvist lund mark man dahl stedt feldt blad blom holm lind ell "
            "sten strand vall dal bäck gård hammar säter in én ing löf kvist mark ros sköld sjö "
            "vik rot",
        ),
        (
            "Alfred Algot Anders Arne Birger Bo Börje Edvard Eskil Frans Folke Gabriel Gustav "
            "Göran Helge Hjalmar Inge Josef Klas Knut Lars Ludvig Matt Nils Ola Ragnar Rune Simon "
            "Sture Tage Ture Tor Valter Åke Östen",
            "sson",
        ),
    ),
    "NO": (
        (
            "Berg Bjør Brekk Bø Dal Eik Fjell Foss Furu Grav Grøn Haug Hol Hov Kirke Kjær Lang Li "
            "Lille Lun Moss Myr Nes Nor Ny Rogn Rund Røs Sand Skog Sol Stein Stor Sund Sæter Tor "
            "Tveit Ul Vest Vind Ytter Øst Øvre Ås Aur Bakk Birke Bjørn Bru Finn Flat Frost Gjer "
            "Gran Gull Hamm Has Heg Hest Hjelle Hval Kvern Lauv Leir Lom Mid Mo Mæle Naust Oks Opp "
            "Ors Ram Reit Roald Ryen Sel Skar Sletten Smed Sol Stav Sve Søre Tang Trol Tus Ven "
            "Vold",
            "by dal haug heim land li lien moen nes rud seth stad stuen vik vold ås berget bakken "
            "eng gård hagen set vang",
        ),
        (
            "Anton Arn Asbjørn Bernt Eilert Emil Ever Gund Guttorm Helg Ingvald Jens Kjell Konrad "
            "Lars Magn Odd Ol Peder Rolf Sigurd Sim Steff Tobi Torger Ulrik Wilhelm Øyst",
            "sen",
        ),
    ),
    "DK": (
        (
            "Birke Bjerre Bøge Brodder Dal Damm Elle Eng Fuglsang Grøn Hede Hjorte Holm Høj Kilde "
            "Kirke Kjær Klit Krog Lille Lund Lyng Mose Munke Mølle Nør Ny Over Ravns Rosen Sand "
            "Skov Steen Sten Stor Strand Søn Sø Toft Vester Vind Ø Øster Agger Aske Bak Bild Brand "
            "By Dyre Ege Fager Faste Fre Gam Gissel Guld Ham Hassel Helle Hors Hvid Kals Kold "
            "Kragh Linde Løv Marke Nord Odder Ore Rav Ris Rude Ryge Sejer Skjold Svane Tang Thor "
            "Ulf Varde Ve",
            "gaard bjerg borg bæk dal holm holt kjær lund mark skov sted strup toft trup vang berg "
            "bo feldt",
        ),
        (
            "Anker Ander Bertel Carst Daniel Ditlev Ebb Ejn Fald Gert Hemming Hend Isak Jes Joen "
            "Jør Karl Lambert Lud Mark Matt Ovs Paul Rasm Sam Sever Thorvald Tyg Vils",
            "sen",
        ),
    ),
    "FI": (
        (
            "Ahve Haapa Halla Harju Hauta Heinä Hieta Honka Ilve Joki Järve Kaiva Kalli Kangas "
            "Karhu Kataja Kive Koivu Korpe Koski Kukka Kuusi Lampi Lepi Lehti Maja Mänty Niitty "
            "Nurme Oja Palo Pelto Pihla Poh Rauta Ruusu Saare Salme Savi Suo Tamme Tervo Tuomi "
            "Vaara Varti Vesi Virta Vuori Ylä Ala Anttu Hako Hilli Hon Huhta Iso Jaako Kanto Kari "
            "Kettu Kirve Kola Kylä Lai Lauka Luoma Mara Metsä Muho Mylly Paju Pere Pitkä Puro Reko "
            "Ranta Ruo Sarka Sillan Sorja Tikka Toivo Uusi Vainio Vanha Veijo Vilja",
            "nen la mäki niemi lahti ranta aho saari salo vaara niitty koski järvi kangas maa npää "
            "suo oja",
        ),
    ),
}

# Short and pet forms a clerk or the customer uses. Both directions occur in records.
NICKNAMES = (
    "Alexander:Alex Aleksander:Alex Aleksi:Alex Alexandra:Alex Amanda:Manda Anders:Ante "
    "Andreas:Andy Anette:Nettan Ann-Christin:Anki Ann-Marie:Mia Anna:Ann Annika:Anki Anton:Tony "
    "Antti:Ana Axel:Acke Barbro:Babs Bengt:Benke Benjamin:Ben Berit:Beri Birgitta:Gittan "
    "Birgitte:Gitte Björn:Nalle Bo:Bosse Börje:Bögge Camilla:Milla Cecilia:Cissi Cecilie:Cille "
    "Charlotte:Lotta Christer:Crille Christian:Chris Christina:Tina Christoffer:Toffe Daniel:Danne "
    "David:Dave Dorthe:Dorte Elisabet:Lisa Elisabeth:Lisbeth Emil:Emma Erik:Erka Eva:Ewa "
    "Fredrik:Fredde Frederik:Frede Gabriel:Gabbe Gunilla:Nilla Gunnar:Gurra Gustav:Gurra "
    "Göran:Jörgen Hans:Hasse Heikki:Heka Helena:Lena Helene:Lene Henrik:Henke Ingegerd:Inga "
    "Ingrid:Inga Jan:Janne Jakob:Jocke Jesper:Jeppe Joakim:Jocke Johan:Jojje Johanna:Hanna "
    "Johannes:Johan Jonathan:Jonte Jonas:Jonte Jørgen:Jørn Josefin:Fina Josefine:Fine "
    "Juha:Juha-Pekka Juhani:Jussi Kaarina:Kaisa Karin:Kajsa Karl:Kalle Katarina:Kattis "
    "Katrine:Trine Katariina:Katri Kenneth:Kenta Kerstin:Kicki Kirsten:Kis Kristian:Kris "
    "Kristiina:Tiina Kristina:Stina Kristin:Kristi Kristine:Stine Kristoffer:Kris Lars:Lasse "
    "Lars-Erik:Lasse Leena:Leni Lennart:Lelle Leif:Leffe Linnéa:Nea Louise:Lollo Madeleine:Madde "
    "Magnus:Mange Mads:Masse Marcus:Mackan Margareta:Greta Margit:Maggi Maria:Mia Marianne:Nanne "
    "Marie:Mie Marjatta:Marja Markku:Make Markus:Make Martin:Matte Mathilde:Tilde Matilda:Tilda "
    "Matias:Matti Mats:Matte Mattias:Matte Mathias:Matti Mette:Mettemaj Mikael:Micke "
    "Michael:Mikkel Mikko:Mika Mohamed:Mo Monica:Mona Morten:Mortan Niels:Nille Niklas:Nicke "
    "Nikolaj:Niko Nils:Nisse Olavi:Olli Ole:Olli Olof:Olle Oscar:Ogge Oliver:Olle Patrik:Patte "
    "Päivi:Pipa Pekka:Pekko Per:Pelle Pernilla:Nilla Pernille:Nille Peter:Petter Philip:Fille "
    "Filip:Fille Pirjo:Pipsa Rasmus:Rasse Rebecka:Becca Rickard:Ricke Robert:Robban Robin:Robban "
    "Roger:Rogge Samuel:Sam Sebastian:Sebbe Simon:Simme Sofia:Soffan Sofie:Fie Stefan:Steffe "
    "Staffan:Steffe Susanne:Sussi Susanna:Sanna Sven:Svenne Søren:Søs Tapani:Tapsa Therese:Tessan "
    "Thomas:Tompa Tobias:Tobbe Tommy:Tom Torbjörn:Tobbe Torbjørn:Tobben Tuomas:Tuomo Ulrika:Ulle "
    "Ulf:Uffe Urban:Ubbe Valdemar:Valde Viktor:Vicke Viktoria:Vickan Victoria:Vicky William:Wille "
    "Wilhelm:Wille Yvonne:Vonne Åsa:Åsis"
)


@dataclass(frozen=True)
class Pool:
    """Names to draw from: positions in the list of all names, and cumulative frequencies."""

    ids: npt.NDArray[np.int32]
    cumulative: npt.NDArray[np.float64]

    def draw(self, uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Give one name per number between 0 and 1."""
        place = np.searchsorted(self.cumulative, uniform, side="right")
        return self.ids[np.minimum(place, len(self.ids) - 1)]


@dataclass(frozen=True)
class NameBook:
    """All names once, and the pools that point into them."""

    given: tuple[str, ...]
    surnames: tuple[str, ...]
    given_pools: dict[tuple[str, str, int], Pool]
    origin_given_pools: dict[tuple[str, str], Pool]
    surname_pools: dict[str, Pool]
    nickname_of: npt.NDArray[np.int32]


class _Index:
    """Numbers each distinct name, in order of first appearance."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def ids(self, names: list[str]) -> npt.NDArray[np.int32]:
        """Give each name its number, a new one if it was not seen before."""
        return np.array(
            [self.names.setdefault(name, len(self.names)) for name in names], dtype=np.int32
        )


def _pool(index: _Index, names: list[str], weights: npt.NDArray[np.float64]) -> Pool:
    ids = index.ids(names)
    cumulative = np.cumsum(weights) / np.sum(weights)
    return Pool(ids=ids, cumulative=cumulative)


def _by_rank(count: int, flat: float, slope: float) -> npt.NDArray[np.float64]:
    """Frequencies that fall with rank as published name statistics do (Zipf-Mandelbrot)."""
    ranks = np.arange(count, dtype=np.float64)
    return np.asarray((ranks + flat) ** -slope, dtype=np.float64)


def _composed(country: str) -> list[str]:
    """Combine a country's name parts in every way, in a fixed scattered order."""
    names = []
    for firsts, lasts in COMPOSED[country]:
        for first in firsts.split():
            for last in lasts.split():
                if last == "nen" and first[-1] not in "aeiouyäö":
                    continue
                glue = last[1:] if first[-1] == last[0] and last[0] == "s" else last
                names.append(first + glue)
    distinct = list(dict.fromkeys(names))
    # Neighbours in the list would share their first part; scatter them over the ranks.
    order = np.random.default_rng(20_011).permutation(len(distinct))
    return [distinct[place] for place in order]


def _surname_pool(index: _Index, country: str) -> Pool:
    """Head of well-known names, and a tail that holds about a third of the people."""
    head = [name.replace("_", " ") for name in SURNAMES[country].split()]
    tail = [name for name in _composed(country) if name not in set(head)]
    head_weights = _by_rank(len(head), flat=6.0, slope=0.95)
    tail_weights = _by_rank(len(tail), flat=40.0, slope=0.75)
    tail_share = {"SE": 0.38, "NO": 0.45, "DK": 0.28, "FI": 0.42}[country]
    weights = np.concatenate(
        [
            head_weights / head_weights.sum() * (1 - tail_share),
            tail_weights / tail_weights.sum() * tail_share,
        ]
    )
    return _pool(index, head + tail, weights)


def _icelandic_patronyms(suffix: str) -> list[str]:
    fathers = (
        "Jóns Sigurðar Guðmundar Gunnars Ólafs Einars Kristjáns Magnúsar Stefáns Jóhanns Björns "
        "Árna Bjarna Helga Halldórs Páls"
    )
    return [father + suffix for father in fathers.split()]


def _given_pools(given_index: _Index) -> dict[tuple[str, str, int], Pool]:
    """Pool given names by country, gender and generation."""
    given_pools: dict[tuple[str, str, int], Pool] = {}
    for country, genders in GIVEN.items():
        for gender, cohorts in genders.items():
            for cohort, text in enumerate(cohorts):
                # Some of each neighbouring generation, so that no name gives the age away.
                names = list(dict.fromkeys(text.split()))
                neighbours = [
                    name
                    for name in dict.fromkeys(" ".join(cohorts).split())
                    if name not in set(names)
                ]
                weights = np.concatenate(
                    [
                        _by_rank(len(names), flat=8.0, slope=1.0),
                        0.12 * _by_rank(len(neighbours), flat=8.0, slope=1.0),
                    ]
                )
                given_pools[country, gender, cohort] = _pool(
                    given_index, names + neighbours, weights
                )
    return given_pools


@cache
def name_book() -> NameBook:
    """Make the lists and pools of all names, the same ones every time.

    Examples
    --------
    >>> book = name_book()
    >>> book.surnames[book.surname_pools["SE"].ids[0]]
    'Andersson'
    """
    given_index, surname_index = _Index(), _Index()
    given_pools = _given_pools(given_index)
    origin_given_pools: dict[tuple[str, str], Pool] = {}
    surname_pools = {country: _surname_pool(surname_index, country) for country in COUNTRIES}
    for origin, (female, male, surnames) in ORIGINS.items():
        for gender, text in (("f", female), ("m", male)):
            names = text.split()
            origin_given_pools[origin, gender] = _pool(
                given_index, names, _by_rank(len(names), flat=4.0, slope=0.9)
            )
        if surnames:
            names = surnames.split()
            surname_pools[origin] = _pool(
                surname_index, names, _by_rank(len(names), flat=4.0, slope=1.0)
            )
    for gender, suffix in (("f", "dóttir"), ("m", "son")):
        names = _icelandic_patronyms(suffix)
        surname_pools[f"icelandic_{gender}"] = _pool(
            surname_index, names, _by_rank(len(names), flat=4.0, slope=0.8)
        )
    nickname_of = _nicknames(given_index)
    return NameBook(
        given=tuple(given_index.names),
        surnames=tuple(surname_index.names),
        given_pools=given_pools,
        origin_given_pools=origin_given_pools,
        surname_pools=surname_pools,
        nickname_of=nickname_of,
    )


def _nicknames(index: _Index) -> npt.NDArray[np.int32]:
    """For each given name, its short form's number, or -1."""
    pairs = [pair.split(":") for pair in NICKNAMES.split()]
    shorts = index.ids([short for _, short in pairs])
    longs = index.ids([long for long, _ in pairs])
    nickname_of = np.full(len(index.names), -1, dtype=np.int32)
    nickname_of[longs] = shorts
    # A double name is often used by its first half alone.
    for name, number in list(index.names.items()):
        first = name.split("-")[0]
        if "-" in name and nickname_of[number] < 0 and first in index.names:
            nickname_of[number] = index.names[first]
    return nickname_of
