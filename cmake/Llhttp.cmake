# llhttp 8.1.0 (MIT) from the C sources that Debian's node-llhttp ships, compiled strict: the lenient
# build accepts bare LF and other things that two parsers on one path read differently.
find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp /usr/share/nodejs/llhttp NO_DEFAULT_PATH REQUIRED)
find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp /usr/include REQUIRED)
add_library(belay_llhttp STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
target_include_directories(belay_llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
target_compile_definitions(belay_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(belay_llhttp PRIVATE -w $<$<CONFIG:Debug>:-O1>)
