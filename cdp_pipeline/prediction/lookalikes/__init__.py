"""Who is like the customers we want more of: audiences around seeds, and how well that works.

A seed is an event, declared as SQL in ``prediction/audiences.yml``: customer and day. So every
audience can be tested: who was like the seeds on a past day, and who of them became one after it?

=============  ==================================================================================
``declared``   reads which audiences there are
``behaviour``  what is known of each customer on a day: buying behaviour and interests
``likeness``   how like the seeds a customer is
``trial``      the likeness of past days against who became a seed later, with intervals
``seeds``      the customers we want more of, by a day
``train``      likeness to today's seeds, and the trial of how it would have done
``model``      all audiences' likenesses and trials, kept between runs
``score``      today's customers by likeness, and the curve of size against similarity
=============  ==================================================================================
"""
