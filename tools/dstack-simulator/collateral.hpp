#pragma once

#include <string>

#include "skill_verifier/core/clock.hpp"
#include "test_pki/certificate.hpp"

namespace dstack_simulator {

/// QuoteCollateralV3 (JSON, with `fetchedAt`) for quotes of a simulated platform under `chain`: TCB info and QE
/// identity that find it up to date, and CRLs without an entry, all signed beneath the chain's root and good for thirty
/// days.
std::string make_collateral(const test_pki::PckChain& chain, const test_pki::PckChainSpec& spec,
                            skill_verifier::core::Time now);

}  // namespace dstack_simulator
