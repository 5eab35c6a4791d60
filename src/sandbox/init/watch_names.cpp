#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "sandbox/init/watch.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::uint16_t kDomain = 53;

bool beneath(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string with_port(std::string_view host, std::uint16_t port) {
  return std::string(host) + ":" + std::to_string(port);
}

std::string peer_of(const in_addr& address, std::uint16_t port) {
  const std::uint32_t host = ntohl(address.s_addr);
  const bool local = (host >> 24) == 127 || host == 0;
  // Without a server of its own configured, a C library asks this machine for names.
  if (local && port == kDomain) return "127.0.0.1:53, a name lookup";
  if (local) return {};
  char text[INET_ADDRSTRLEN] = {};
  return ::inet_ntop(AF_INET, &address, text, sizeof text) == nullptr ? std::string() : with_port(text, port);
}

std::string peer_of(const in6_addr& address, std::uint16_t port) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    in_addr inner{};
    std::memcpy(&inner, &address.s6_addr[12], sizeof inner);
    return peer_of(inner, port);
  }
  const bool local = IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address);
  if (local && port == kDomain) return "127.0.0.1:53, a name lookup";
  if (local) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (::inet_ntop(AF_INET6, &address, text, sizeof text) == nullptr) return {};
  return with_port("[" + std::string(text) + "]", port);
}

/// The next word of a line, which is shortened by it.
std::string_view next_word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(begin);
  const auto end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

std::optional<std::uint64_t> number_of(std::string_view word) {
  std::uint64_t value = 0;
  if (word.empty()) return std::nullopt;
  for (const char digit : word) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return value;
}

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The value of one column of the two lines that begin with `Ip: `.
std::optional<std::uint64_t> ip_counter(std::string_view snmp, std::string_view name) {
  std::string_view names;
  while (!snmp.empty()) {
    std::string_view line = next_line(snmp);
    if (!line.starts_with("Ip: ")) continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    while (!names.empty()) {
      const auto column = next_word(names);
      const auto value = next_word(line);
      if (column == name) return number_of(value);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ip6_counter(std::string_view snmp6, std::string_view name) {
  while (!snmp6.empty()) {
    std::string_view line = next_line(snmp6);
    std::string cleaned(line);
    std::ranges::replace(cleaned, '\t', ' ');
    std::string_view rest = cleaned;
    if (next_word(rest) == name) return number_of(next_word(rest));
  }
  return std::nullopt;
}

}  // namespace

NetworkCounters parse_network_counters(std::string_view snmp, std::string_view snmp6) {
  NetworkCounters counters;
  const auto v4 = ip_counter(snmp, "OutNoRoutes");
  counters.known = v4.has_value();
  counters.unroutable = v4.value_or(0) + ip6_counter(snmp6, "Ip6OutNoRoutes").value_or(0);
  return counters;
}

NetworkCounters read_network_counters() {
  constexpr std::size_t kLimit = 16u << 10;
  return parse_network_counters(read_small_file("/proc/net/snmp", kLimit), read_small_file("/proc/net/snmp6", kLimit));
}

bool may_write(std::string_view path) {
  constexpr std::array<std::string_view, 4> kFolders{"/skill", "/tmp", "/dev/shm", "/dev/pts"};
  constexpr std::array<std::string_view, 7> kDevices{"/dev/null", "/dev/zero",   "/dev/full",   "/dev/tty",
                                                     "/dev/ptmx", "/dev/random", "/dev/urandom"};
  return std::ranges::any_of(kFolders, [&](std::string_view folder) { return beneath(path, folder); }) ||
         std::ranges::find(kDevices, path) != kDevices.end();
}

std::string normal_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string normal;
  for (const auto part : parts)
    normal += "/" + std::string(part);
  return normal.empty() ? "/" : normal;
}

std::string remote_peer(std::string_view address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() < sizeof family) return {};
  std::memcpy(&family, address.data(), sizeof family);
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in peer{};
    std::memcpy(&peer, address.data(), sizeof peer);
    return peer_of(peer.sin_addr, ntohs(peer.sin_port));
  }
  if (family == AF_INET6 && address.size() >= sizeof(sockaddr_in6)) {
    sockaddr_in6 peer{};
    std::memcpy(&peer, address.data(), sizeof peer);
    return peer_of(peer.sin6_addr, ntohs(peer.sin6_port));
  }
  return {};
}

}  // namespace skill_verifier::sandbox::guest
