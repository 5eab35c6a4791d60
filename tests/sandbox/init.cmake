# skill-verifier-init: its parts, and the program itself in namespaces.
skill_verifier_test(sandbox_init
  SOURCES
    init_client.cpp
    init_namespace.cpp
    init_output_test.cpp
    init_pack_test.cpp
    init_process_test.cpp
    init_tree_test.cpp
    init_wire_test.cpp
  DEPENDS skill_verifier::sandbox_guest)
add_dependencies(sandbox_init_tests skill-verifier-init)
