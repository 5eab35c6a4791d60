# cmake -DSOURCE=DIR -DTEMPLATE=FILE -DOUTPUT=FILE -DPROJECT_VERSION=… -DCOMMIT=… -P SourceCommit.cmake
# Writes what a service document says of its source: COMMIT where whoever builds gave one, else the commit that is checked
# out, and nothing where files differ from it. Run at every build, so that it never speaks for another tree; the file is only
# touched when it changes.
set(source_commit "${COMMIT}")
find_package(Git QUIET)
if(NOT source_commit AND GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" rev-parse HEAD
    OUTPUT_VARIABLE source_commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" status --porcelain
    OUTPUT_VARIABLE changes RESULT_VARIABLE failed ERROR_QUIET)
  if(failed OR changes)
    set(source_commit "")
  endif()
endif()
configure_file("${TEMPLATE}" "${OUTPUT}" @ONLY)
