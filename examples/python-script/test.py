import subprocess
import sys
import unittest

from wordcount import count_words


class CountWords(unittest.TestCase):
    def test_counts_words_between_any_white_space(self):
        self.assertEqual(count_words("one  two\nthree\t"), 3)

    def test_counts_nothing_in_nothing(self):
        self.assertEqual(count_words(" \n"), 0)

    def test_reads_standard_input_as_a_script(self):
        run = subprocess.run([sys.executable, "wordcount.py"], input="a b", capture_output=True, text=True, check=True)
        self.assertEqual(run.stdout, "2\n")


unittest.main()
