#include "service/known_packages.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "service/file_digest.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {
namespace {

namespace fs = std::filesystem;

/// Coarser than the times of any file system that skills are kept on.
constexpr std::chrono::seconds kGranularity{2};
constexpr std::size_t kRequestMemory = 2048;  ///< of a small one, roughly

/// One path's facts, as bytes that are only ever compared.
struct Facts {
  std::uint64_t device, inode, size;
  std::int64_t modified, modified_ns, changed, changed_ns;
  std::uint64_t mode, links;
};

std::optional<Facts> facts_of(const char* path) {
  struct stat status{};
  if (::lstat(path, &status) != 0) return std::nullopt;
  return Facts{status.st_dev,          status.st_ino,          static_cast<std::uint64_t>(status.st_size),
               status.st_mtim.tv_sec,  status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
               status.st_ctim.tv_nsec, status.st_mode,         status.st_nlink};
}

void add(core::Sha256& hash, const Facts& facts) {
  hash.update({reinterpret_cast<const std::uint8_t*>(&facts), sizeof facts});
}

/// The top-level folder that intake entered, with a slash; empty when it stayed.
std::string entered(const skill::Package& package) {
  const auto note = std::ranges::find(package.notes, "folder_entered", &skill::PackageNote::code);
  return note == package.notes.end() ? std::string() : note->path + "/";
}

std::string key_of(char kind, std::string_view identity, const Submission& submission) {
  const auto& name = submission.name;
  const auto& version = submission.version;
  // Lengths, because any of them may hold any byte.
  return fmt::format("{}{}:{}{}:{}{}:{}{}:{}{:d}{:d}{:d}", kind, identity.size(), identity,
                     submission.archive_name.size(), submission.archive_name, name.value_or("").size(),
                     name.value_or(""), version.value_or("").size(), version.value_or(""), name.has_value(),
                     version.has_value(), submission.discover);
}

/// Whether jobs may still get its pack, whose digest is known afterwards.
bool is_usable(const KnownPackages::Entry& entry) {
  const auto facts = facts_of(entry.file.c_str());
  // Those who were told so a moment ago have not all got their name yet.
  if (!facts || facts->links >= KnownPackages::kMostNames) return false;
  // Most packages never come again: their packs are not read for it.
  std::call_once(entry.digesting, [&entry] {
    if (auto digest = sha256_of(entry.file)) entry.sha256 = *digest;
  });
  return entry.sha256.has_value();
}

}  // namespace

std::optional<TreeStamp> TreeStamp::take(const fs::path& root, const skill::Package& package,
                                         std::chrono::system_clock::time_point begun) {
  const auto settled = std::chrono::system_clock::to_time_t(begun - kGranularity);
  const std::string prefix = root.string() + "/" + entered(package);
  TreeStamp stamp;
  core::Sha256 hash;
  const auto note = [&](const std::string& path) {
    const auto facts = facts_of(path.c_str());
    if (!facts || facts->changed >= settled) return false;
    add(hash, *facts);
    stamp.paths_ += path;
    stamp.paths_ += '\0';
    return true;
  };
  if (!note(root.string())) return std::nullopt;
  if (prefix.size() > root.string().size() + 1 && !note(prefix.substr(0, prefix.size() - 1))) return std::nullopt;
  for (const auto& entry : package.entries)
    if (!note(prefix + entry.path)) return std::nullopt;
  stamp.facts_ = hash.finish();
  return stamp;
}

bool TreeStamp::holds() const {
  core::Sha256 hash;
  for (std::size_t at = 0; at < paths_.size(); at = paths_.find('\0', at) + 1) {
    const auto facts = facts_of(paths_.c_str() + at);
    if (!facts) return false;
    add(hash, *facts);
  }
  return hash.finish() == facts_;
}

TakenIn taken_in(JobRequest request, fs::path pack) {
  auto json = std::make_shared<const std::string>(package_json(request));
  return {std::make_shared<const JobRequest>(std::move(request)), std::move(json),
          store::PackFile{std::move(pack), std::nullopt}};
}

KnownPackages::Entry::~Entry() {
  std::error_code ignored;
  if (!file.empty()) fs::remove(file, ignored);
}

KnownPackages::KnownPackages(fs::path folder, std::uint64_t bytes) : folder_(std::move(folder)), most_bytes_(bytes) {}

std::string KnownPackages::archive_key(std::string_view sha256, const Submission& submission) {
  return key_of('a', sha256, submission);
}

std::string KnownPackages::folder_key(const fs::path& real, const Submission& submission) {
  return key_of('f', real.string(), submission);
}

KnownPackages::EntryPtr KnownPackages::look_up(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return *found->second;
}

KnownPackages::EntryPtr KnownPackages::find(const std::string& key) {
  auto entry = look_up(key);
  if (!entry) return nullptr;
  const bool old = entry->stamp && std::chrono::steady_clock::now() - entry->since >= kFolderAge;
  const bool same = !old && (!entry->stamp || entry->stamp->holds()) && is_usable(*entry);
  if (same) return entry;
  drop(key, entry);
  return nullptr;
}

TakenIn KnownPackages::take(const EntryPtr& entry) {
  store::PackFile pack{entry->file, store::PackFile::Shared{entry, entry->sha256.value()}};
  return {entry->request, entry->json, std::move(pack)};
}

bool KnownPackages::has_archive_of(std::uint64_t size) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(order_,
                             [size](const EntryPtr& entry) { return !entry->stamp && entry->archive_size == size; });
}

void KnownPackages::keep(std::string key, const TakenIn& taken, std::optional<TreeStamp> stamp,
                         std::uint64_t archive_size) {
  if (taken.request->pack_bytes > most_bytes_) return;
  auto entry = std::make_shared<Entry>();
  entry->memory = kRequestMemory + 3 * taken.json->size() + 2 * key.size() + (stamp ? stamp->memory() : 0);
  if (entry->memory > kMemory) return;
  entry->key = key;
  entry->request = taken.request;
  entry->json = taken.json;
  entry->stamp = std::move(stamp);
  entry->archive_size = archive_size;
  entry->since = std::chrono::steady_clock::now();

  const std::lock_guard lock(mutex_);
  entry->file = folder_ / fmt::format("{}.pack", next_++);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (::link(taken.pack.file.c_str(), entry->file.c_str()) != 0) return;
  if (const auto known = entries_.find(key); known != entries_.end()) erase(known->second);
  bytes_ += entry->request->pack_bytes;
  memory_ += entry->memory;
  order_.push_front(std::move(entry));
  entries_[std::move(key)] = order_.begin();
  while (bytes_ > most_bytes_ || memory_ > kMemory || order_.size() > kMost)
    erase(std::prev(order_.end()));
}

/// Unless another one has taken its place meanwhile.
void KnownPackages::drop(const std::string& key, const EntryPtr& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end() && *found->second == entry) erase(found->second);
}

void KnownPackages::erase(Order::iterator entry) {
  bytes_ -= (*entry)->request->pack_bytes;
  memory_ -= (*entry)->memory;
  entries_.erase((*entry)->key);
  order_.erase(entry);
}

}  // namespace skill_verifier::service
