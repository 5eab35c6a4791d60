#pragma once

#include <string>

/// What a hostile skill would try. Every attempt prints one line `name: result`, where the result is `done` or the name
/// of an errno; the tests know what it has to be.
namespace probe {

/// Prints the outcome of a call that gives -1 on failure.
void report(const char* name, long result);
void say(const char* name, const std::string& result);

void system_calls();
void limit_self();
void sockets();
void network();
void init_process();
void identities();
void read_only_places();
void find_sockets();
int fill(const char* folder);
int many_files(const char* folder);
int fork_bomb();
int memory_hog();
int memory_hog_in_child();
int flood();
int daemon_left_behind();
int int80();
int x32();
int change(const char* call, const char* path);

}  // namespace probe
