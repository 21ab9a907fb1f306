"""Mailboxes of a maildir route, read into a book.

The route is FOLDER/{domain}/{local}, so a file's folders say whom it is for. What stands in new/ is whole: that is Maildir's promise, and a
torn file shows by its digest.
"""


class Maildirs:
    def __init__(self, book, folder, remove=False):
        """With `remove` a file is taken out once it is in the book, as a mail reader does: for runs that would fill the disk."""
        self.book = book
        self.folder = folder
        self.remove = remove
        self._seen = set()

    def read(self):
        """Puts what is new into the book; how many files that were."""
        count = 0
        for path in self.folder.glob("*/*/new/*"):
            if path in self._seen:
                continue
            self.book.arrive(path.read_bytes(), f"{path.parts[-3]}@{path.parts[-4]}")
            count += 1
            if self.remove:
                path.unlink()
            else:
                self._seen.add(path)
        return count
