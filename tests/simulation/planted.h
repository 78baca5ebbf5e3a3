// Bugs that a history may be told to have, each through a seam that the product is built on: what
// the invariants are worth is seen by whether they find them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace sluice::simulation {

enum class Bug {
  kNone,
  kDigestUnchecked,     // neither the stream's digest nor Cloud Controller's is compared
  kChecksumUnchecked,   // what Cloud Controller says of the uploaded droplet is not compared
  kSpoolUnsynced,       // chunks are acknowledged before they are on the disk
  kLedgerUnsynced,      // the coordinator acknowledges before its ledger is on the disk
  kJournalUnsynced,     // an agent reports before its journal is on the disk
  kDigestLogForgotten,  // a source that starts again seals chunks of other bytes by the same key
  kActivatedEarly,      // a target is told to activate as soon as it has its droplet
  kUndoDropped,         // what failed is not put back
  kUnsealed,            // chunks leave as they were read
  kPlainSpool,          // opened chunks are written to the disk
  kReportDropped,       // a report is acknowledged and not recorded
  kWishesForgotten,     // a coordinator that starts again tells nobody what it wants
  kChunksUnchecked,     // a target stores what a fellow sends, and passes it on, whoever signed it
  kCount
};
inline constexpr size_t kBugCount = static_cast<size_t>(Bug::kCount);

inline constexpr std::array<std::string_view, kBugCount> kBugNames = {"none",
                                                                      "digest-unchecked",
                                                                      "checksum-unchecked",
                                                                      "spool-unsynced",
                                                                      "ledger-unsynced",
                                                                      "journal-unsynced",
                                                                      "digest-log-forgotten",
                                                                      "activated-early",
                                                                      "undo-dropped",
                                                                      "unsealed",
                                                                      "plain-spool",
                                                                      "report-dropped",
                                                                      "wishes-forgotten",
                                                                      "chunks-unchecked"};

}  // namespace sluice::simulation
