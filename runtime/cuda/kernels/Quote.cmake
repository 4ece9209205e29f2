# Makes a C++ string literal of the text in IN, for an #include: ccache does not look at what #embed
# names, and would go on with an older text.
file(READ ${IN} text)
file(WRITE ${OUT} "R\"ptx(${text})ptx\"\n")
