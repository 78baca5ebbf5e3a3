// transfer::CreditWindow with 4 MiB whatever the path is: linked before common/transfer's, whose
// object is then not taken. For the program that shows what an adapting window is worth.
#include <algorithm>

#include "common/transfer/credit_window.h"

namespace sluice::transfer {
namespace {

constexpr uint32_t kWindowBytes = 4 << 20;

}  // namespace

CreditWindow::CreditWindow(uint32_t chunk_bytes, uint32_t chunks_min)
    : chunk_bytes_(chunk_bytes), chunks_min_(chunks_min) {}
void CreditWindow::OnConnection() {}
void CreditWindow::OnAsked(uint32_t /*index*/, absl::Duration /*now*/) {}
void CreditWindow::OnCredit(absl::Duration /*now*/) {}
void CreditWindow::OnArrived(uint32_t /*index*/, absl::Duration /*now*/) {}
void CreditWindow::OnStored(uint32_t /*index*/, absl::Duration /*now*/) {}
uint32_t CreditWindow::chunks() const { return std::max(chunks_min_, kWindowBytes / chunk_bytes_); }
double CreditWindow::rate() const { return 0; }

}  // namespace sluice::transfer
