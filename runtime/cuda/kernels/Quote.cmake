# cmake -DTEXT=FILE -DTO=FILE -P Quote.cmake: a text as a C++ string. A compiler's cache looks at what is included;
# what is embedded it would not see.
file(READ "${TEXT}" text)
file(WRITE "${TO}" "R\"ptx(${text})ptx\"\n")
