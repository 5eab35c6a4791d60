#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "service/known_packages.hpp"
#include "skill_verifier/core/batch_line.hpp"

namespace skill_verifier::service {

/// Finds the known packages of skill paths for many submitters at once: of those who name the same folder in the same
/// way one looks, and whoever came before that look began is answered by it. A look takes one of the turns that
/// intake has, as any other package does. On the I/O thread.
class KnownFolders {
 public:
  struct Found {
    KnownPackages::EntryPtr entry;  ///< null: no folder, or one that is not known, or has changed
    /// Without an entry, the one that the look took, for whoever reads the folder now. Empty for those who did not look
    /// themselves, and for somebody who was cancelled.
    core::Semaphore::Permit turn;
  };
  KnownFolders(core::WorkPool& pool, core::Semaphore& intake, KnownPackages& known, const ServiceOptions& options)
      : pool_(pool), intake_(intake), known_(known), options_(options) {}

  /// `submission` has a skill path.
  core::awaitable<Found> find(std::shared_ptr<const Submission> submission);

 private:
  struct Look {
    std::vector<core::Parked> waiting;
    KnownPackages::EntryPtr found;
  };
  using Looks = std::map<std::string, std::shared_ptr<Look>>;
  class Lead;

  core::WorkPool& pool_;
  core::Semaphore& intake_;
  KnownPackages& known_;
  const ServiceOptions& options_;
  Looks open_;  ///< that have not begun
};

}  // namespace skill_verifier::service
