# skill-verifier-init: its parts, the program itself in namespaces, and in containers of a real engine.
add_subdirectory(hostile)

skill_verifier_test(sandbox_init
  SOURCES
    init_client.cpp
    init_namespace.cpp
    init_output_test.cpp
    init_pack_test.cpp
    init_package_test.cpp
    init_process_test.cpp
    init_tree_test.cpp
    init_watch_test.cpp
    init_wire_test.cpp
  DEPENDS skill_verifier::sandbox skill_verifier::sandbox_guest)
add_dependencies(sandbox_init_tests skill-verifier-init)

skill_verifier_test(sandbox_container
  LABEL integration
  SOURCES
    container_engine.cpp
    init_client.cpp
    init_container_test.cpp
    seccomp_profile_test.cpp
  DEPENDS skill_verifier::sandbox skill_verifier::sandbox_guest nlohmann_json::nlohmann_json)
add_dependencies(sandbox_container_tests skill-verifier-init skill-verifier-hostile-probe)
