#include <cstdio>
#include <exception>

#include "app/commands.hpp"

int main(int argc, char** argv) {
  try {
    return skill_verifier::app::run_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "skill-verifier: %s\n", error.what());
    return skill_verifier::app::exit_error;
  }
}
