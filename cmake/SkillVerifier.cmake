# What every target of the project shares, and one function per kind of target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# One Asio/Beast configuration for every translation unit; the implementation is compiled once (src/core/asio_impl.cpp).
add_library(skill_verifier_options INTERFACE)
target_compile_options(skill_verifier_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
target_compile_definitions(skill_verifier_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED SPDLOG_FMT_EXTERNAL)
target_include_directories(skill_verifier_options INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_include_directories(skill_verifier_options SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_link_libraries(skill_verifier_options INTERFACE Threads::Threads tl::expected)

if(SKILL_VERIFIER_SANITIZE)
  # -g1: full debug information triples the compile time of an instrumented coroutine.
  add_compile_options(-fsanitize=${SKILL_VERIFIER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${SKILL_VERIFIER_SANITIZE})
endif()
if(SKILL_VERIFIER_FUZZ)
  # The modules under test need coverage too; only the fuzz executables get libFuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-fuse-ld=lld)

# skill_verifier_module(NAME SOURCES ... DEPENDS ... PRIVATE ...): static library skill_verifier_NAME, alias
# skill_verifier::NAME. DEPENDS are modules above it in ARCHITECTURE.md's list.
function(skill_verifier_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(skill_verifier_${name} STATIC ${ARG_SOURCES})
  add_library(skill_verifier::${name} ALIAS skill_verifier_${name})
  target_link_libraries(skill_verifier_${name} PUBLIC skill_verifier_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
endfunction()

# skill_verifier_test(NAME SOURCES ... DEPENDS ... [LABEL unit|integration|e2e]): executable NAME_tests, one ctest case
# per TEST.
function(skill_verifier_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  add_executable(${name}_tests ${ARG_SOURCES})
  target_link_libraries(${name}_tests PRIVATE skill_verifier_options ${ARG_DEPENDS} skill_verifier_paths GTest::gmock GTest::gtest GTest::gtest_main)
  target_include_directories(${name}_tests PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  gtest_discover_tests(${name}_tests DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}." PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()

# skill_verifier_fuzzer(NAME SOURCES ... DEPENDS ...): libFuzzer executable fuzz_NAME; its seeds are tests/fuzz/corpus/NAME.
# Without -DSKILL_VERIFIER_FUZZ=ON the same source is linked with a driver that replays the corpus as an ordinary test.
function(skill_verifier_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE skill_verifier_options ${ARG_DEPENDS})
  # Wherever the source lies: `./dev fuzz` runs what it finds in this folder.
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/fuzz")
  if(SKILL_VERIFIER_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp")
    add_test(NAME fuzz.${name}.corpus COMMAND fuzz_${name} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name}")
    set_tests_properties(fuzz.${name}.corpus PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()
