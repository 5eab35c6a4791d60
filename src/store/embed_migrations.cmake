# Writes migrations.cpp: every migrations/NNNN_*.sql in order, as string literals. Run at configure time; a change of one
# of the files configures again.
function(store_embed_migrations output)
  set(entries "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    file(READ "${CMAKE_CURRENT_SOURCE_DIR}/${file}" text)
    string(APPEND entries "    R\"__sql__(${text})__sql__\",\n")
  endforeach()
  set(SKILL_VERIFIER_MIGRATIONS "${entries}")
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/migrations.cpp.in" "${output}" @ONLY)
endfunction()
