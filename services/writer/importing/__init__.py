"""Files of other programs into the table: `import`, by the run, the loop and the batches of recover/.

Promises that each row is in the table, or in a rejected file with its reason, or the file is refused with what to say.
Must not know: a database. The file stays where it is: it is somebody else's.
"""
