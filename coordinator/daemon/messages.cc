#include "coordinator/daemon/messages.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/net/wire.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

// Generous: per part of a message, and for the message around all.
constexpr size_t kFramingBytes = 256;
constexpr size_t kRoomBytes = net::kControlHeaderBytesMax - kFramingBytes;

void SetError(v1::Error* message, const Status& status) {
  message->set_code(static_cast<int>(status.code()));
  message->set_name(ErrorName(status));
  message->set_message(std::string(status.message()));
}

void AddWay(v1::Progress* message, const WayReport& way) {
  v1::Way* added = message->add_ways();
  added->set_path(way.path);
  added->set_endpoint(way.endpoint);
  added->set_tries(way.tries);
  added->set_times_ready(way.times_ready);
  added->set_bytes(way.bytes);
  added->set_carries(way.carries);
  added->set_given_up(way.given_up);
  if (!way.lost_by.ok()) SetError(added->mutable_lost_by(), way.lost_by);
}

void SetProgress(v1::Progress* message, const TransferProgress& progress) {
  for (const WayReport& way : progress.ways) AddWay(message, way);
  message->set_bytes_done(progress.bytes_done);
  message->set_bytes_total(progress.bytes_total);
  message->set_bytes_sent(progress.bytes_sent);
  message->set_bytes_again(progress.bytes_again);
  message->set_milliseconds(progress.milliseconds);
  message->set_phase(progress.phase);
  message->set_bytes_direct(progress.bytes_direct);
  message->set_bytes_relay(progress.bytes_relay);
  message->set_bytes_peer(progress.bytes_peer);
  message->set_bytes_not_sent(progress.bytes_not_sent);
  if (progress.stages == StageTimes()) return;
  v1::StageTimes* stages = message->mutable_stages();
  stages->set_download_milliseconds(progress.stages.download);
  stages->set_transfer_milliseconds(progress.stages.transfer);
  stages->set_upload_milliseconds(progress.stages.upload);
  stages->set_job_milliseconds(progress.stages.job);
  stages->set_activation_milliseconds(progress.stages.activation);
}

// The route between source and target as one of the two sees it.
void AddRoute(v1::JobCommand& command, const ChosenRoute& route, const Wish& wish,
              const Promotion& promotion) {
  const bool is_source = wish.role == v1::JOB_ROLE_SOURCE;
  const bool relay = route.path == ChosenRoute::Path::kRelay;
  v1::Route* message = command.add_routes();
  message->set_target_index(route.target_index);
  message->set_path(relay ? v1::PATH_KIND_RELAY : v1::PATH_KIND_DIRECT);
  message->set_dial(relay || route.source_dials == is_source);
  if (message->dial()) message->set_endpoint(route.endpoint);
  if (IsExport(promotion.terms)) return;  // no foundation is at the other end
  message->set_foundation(is_source ? promotion.terms.targets[route.target_index].foundation
                                    : promotion.terms.source_foundation);
}

// The same, as the recipient of an export sees it, who meets the source at the relay.
void AddRecipientRoute(v1::PromotionDetail& detail, const ChosenRoute& route,
                       const std::string& source_foundation) {
  v1::Route* message = detail.add_recipient_routes();
  message->set_path(v1::PATH_KIND_RELAY);
  message->set_dial(true);
  message->set_endpoint(route.endpoint);
  message->set_foundation(source_foundation);
}

// A target that its fellows may dial, as one of them or the target itself sees it.
void AddPeerRoutes(v1::JobCommand& command, const ChosenRoute& route, const Wish& wish,
                   const Promotion& promotion) {
  std::set<uint32_t> fellows;
  for (const ChosenRoute& other : promotion.routes) fellows.insert(other.target_index);
  const bool dial = route.target_index != wish.target_index;
  if (dial) fellows = {route.target_index};
  for (const uint32_t fellow : fellows) {
    if (fellow == wish.target_index) continue;
    v1::Route* message = command.add_routes();
    message->set_target_index(fellow);
    message->set_path(v1::PATH_KIND_PEER);
    message->set_dial(dial);
    if (dial) message->set_endpoint(route.endpoint);
    message->set_foundation(promotion.terms.targets[fellow].foundation);
  }
}

void SetEntry(v1::LedgerEntry* message, const LedgerEntry& entry) {
  message->set_sequence(entry.sequence);
  message->set_at_milliseconds(entry.at_milliseconds);
  message->set_kind(entry.kind);
  message->set_body(entry.body);
  message->set_hash(entry.hash);
}

}  // namespace

v1::ControlMessage ErrorMessage(std::string_view request, const Status& status) {
  v1::ControlMessage message;
  message.set_request(std::string(request));
  SetError(message.mutable_error(), status);
  return message;
}

v1::JobCommand CommandOf(const Wish& wish, const Promotion& promotion) {
  v1::JobCommand command;
  command.set_promotion(promotion.id);
  command.set_role(wish.role);
  command.set_target_index(wish.target_index);
  command.set_step(wish.step);
  command.set_order(promotion.order);
  command.set_step_order(wish.step_order);
  command.set_statement(wish.statement);
  for (const std::string& offer : wish.seal_offers) command.add_seal_offers(offer);
  for (const ChosenRoute& route : wish.routes) {
    if (route.path == ChosenRoute::Path::kPeer) {
      AddPeerRoutes(command, route, wish, promotion);
    } else {
      AddRoute(command, route, wish, promotion);
    }
  }
  return command;
}

v1::PromotionSummary SummaryOf(const Promotion& promotion) {
  v1::PromotionSummary summary;
  summary.set_id(promotion.id);
  summary.set_state(promotion.state);
  summary.set_source(promotion.terms.source);
  for (const auto& target : promotion.terms.targets) summary.add_targets(target.reference);
  summary.set_recipient(promotion.terms.recipient);
  summary.set_sha256(promotion.terms.sha256);
  summary.set_operator_(promotion.operator_name);
  summary.set_created_milliseconds(absl::ToUnixMillis(promotion.created));
  summary.set_changed_milliseconds(absl::ToUnixMillis(promotion.changed));
  summary.set_reason(Reason(promotion));
  return summary;
}

v1::PromotionDetail DetailOf(const Promotion& promotion) {
  v1::PromotionDetail detail;
  *detail.mutable_summary() = SummaryOf(promotion);
  detail.set_size_bytes(promotion.terms.size_bytes);
  detail.set_strategy(promotion.terms.strategy);
  detail.set_activate(promotion.terms.activate);
  detail.set_source_state(promotion.source.state);
  detail.set_event_sequence(promotion.events);
  SetProgress(detail.mutable_source_progress(), promotion.source.progress);
  if (IsExport(promotion.terms)) {
    detail.set_statement(promotion.source.statement);
    for (const ChosenRoute& route : promotion.routes) {
      AddRecipientRoute(detail, route, promotion.terms.source_foundation);
    }
    if (!promotion.source.error.ok()) {
      SetError(detail.mutable_source_error(), promotion.source.error);
    }
  }
  for (size_t i = 0; i < promotion.targets.size(); ++i) {
    const TargetJob& job = promotion.targets[i];
    auto* target = detail.add_targets();
    target->set_target(promotion.terms.targets[i].reference);
    target->set_state(job.state);
    target->set_waiting_for(job.waiting_for);
    if (!job.error.ok()) SetError(target->mutable_error(), job.error);
    target->set_droplet_guid(job.droplet_guid);
    target->set_reported_sha256(job.reported_sha256);
    target->set_previous_droplet_guid(job.previous_droplet_guid);
    target->set_path(job.path);
    SetProgress(target->mutable_progress(), job.progress);
    target->set_receipt(job.receipt);
    for (const std::string& warning : job.warnings) target->add_warnings(warning);
    // What the source warned of concerns every target.
    for (const std::string& warning : promotion.source.warnings) target->add_warnings(warning);
  }
  return detail;
}

void AddListing(v1::PromotionList& list, const PromotionListing& listing) {
  size_t room = kRoomBytes;
  size_t added = 0;
  for (const Promotion* promotion : listing.promotions) {
    v1::PromotionSummary summary = SummaryOf(*promotion);
    const size_t bytes = summary.ByteSizeLong() + kFramingBytes;
    if (bytes > room) break;
    room -= bytes;
    *list.add_promotions() = std::move(summary);
    ++added;
  }
  list.set_not_shown(listing.not_shown + listing.promotions.size() - added);
  list.set_not_searched(listing.not_searched);
}

void AddEntries(v1::PromotionDetail& detail, const PromotionEntries& read) {
  const std::vector<LedgerEntry>& entries = read.entries;
  if (entries.empty()) return;
  const auto bytes_of = [](const LedgerEntry& entry) {
    return entry.kind.size() + entry.body.size() + kFramingBytes;
  };
  const size_t taken = detail.ByteSizeLong() + bytes_of(entries.front());
  size_t room = kRoomBytes - std::min(kRoomBytes, taken);
  size_t first = entries.size();
  while (first > 1 && bytes_of(entries[first - 1]) <= room) {
    room -= bytes_of(entries[--first]);
  }
  SetEntry(detail.add_entries(), entries.front());
  for (size_t i = first; i < entries.size(); ++i) SetEntry(detail.add_entries(), entries[i]);
  detail.set_entries_left_out(read.total - static_cast<uint64_t>(detail.entries_size()));
}

}  // namespace sluice::coordinator
