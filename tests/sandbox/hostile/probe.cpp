#include "probe.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace probe {

void say(const char* name, const std::string& result) {
  std::printf("%s: %s\n", name, result.c_str());
  std::fflush(stdout);
}

void report(const char* name, long result) {
  const char* error = ::strerrorname_np(errno);
  say(name, result >= 0 ? "done" : error != nullptr ? error : std::to_string(errno));
}

}  // namespace probe

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const char* where = argc > 2 ? argv[2] : "/";
  if (what == "syscalls") return probe::system_calls(), 0;
  if (what == "limit-self") return probe::limit_self(), 0;
  if (what == "sockets") return probe::sockets(), 0;
  if (what == "network") return probe::network(), 0;
  if (what == "init") return probe::init_process(), 0;
  if (what == "identities") return probe::identities(), 0;
  if (what == "places") return probe::read_only_places(), 0;
  if (what == "find-sockets") return probe::find_sockets(), 0;
  if (what == "fill") return probe::fill(where);
  if (what == "many-files") return probe::many_files(where);
  if (what == "fork-bomb") return probe::fork_bomb();
  if (what == "hog") return probe::memory_hog();
  if (what == "hog-in-child") return probe::memory_hog_in_child();
  if (what == "flood") return probe::flood();
  if (what == "daemon") return probe::daemon_left_behind();
  if (what == "int80") return probe::int80();
  if (what == "x32") return probe::x32();
  if (what == "change" && argc == 4) return probe::change(argv[2], argv[3]);
  if (what == "euid") return std::printf("%u %u\n", ::getuid(), ::geteuid()), 0;
  std::fprintf(stderr, "unknown attack\n");
  return 2;
}
