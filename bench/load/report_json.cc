#include "bench/load/report_json.h"

#include "nlohmann/json.hpp"

namespace postern {
namespace {

using Json = nlohmann::ordered_json;

double Microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e3; }

Json LatencyJson(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", Microseconds(histogram.Percentile(50))},
          {"p90", Microseconds(histogram.Percentile(90))},
          {"p99", Microseconds(histogram.Percentile(99))},
          {"p99.9", Microseconds(histogram.Percentile(99.9))},
          {"max", Microseconds(histogram.max())}};
}

Json OptionsJson(const LoadOptions& options) {
  Json mix = Json::array();
  for (const Mix::Part& part : options.mix.parts()) mix.push_back({{"size", part.size}, {"weight", part.weight}});
  return {{"connections", options.connection_count},
          {"idle", options.idle_count},
          {"sources", options.source_count},
          {"threads", options.thread_count},
          {"messages_per_connection", options.messages_per_connection},
          {"pipelining", options.pipelining},
          {"bdat", options.chunking},
          {"mix", mix},
          {"recipients", options.recipient_count},
          {"rate", options.rate},
          {"warm_up_seconds", Seconds(options.warm_up)}};
}

// A reply may hold any byte, and JSON is UTF-8.
std::string Dump(const Json& json) {
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ReportJson(const LoadReport& report) {
  const Tally& tally = report.tally;
  Json json = {{"target", report.options.target},
               {"greeting", report.greeting},
               {"began_unix_seconds", static_cast<double>(report.began.us) / 1e6},
               {"interrupted", report.interrupted},
               {"options", OptionsJson(report.options)},
               {"seconds", Seconds(report.window())},
               {"messages_per_second", report.messages_per_second()},
               {"bytes_per_second", report.bytes_per_second()}};
  json["messages"] = {{"taken", tally.message_count},
                      {"failed", tally.failed_count},
                      {"never_begun", tally.unsent_count},
                      {"bytes", tally.byte_count},
                      {"recipients", tally.recipient_count}};
  json["connections"] = {{"made", tally.connection_count}, {"failed", tally.failed_connection_count}};
  json["idle"] = {{"held", report.idle_held_count}, {"lost", report.idle_lost_count}};
  for (const LatencyRow& row : kLatencyRows) json["latency_us"][row.key] = LatencyJson(tally.*row.histogram);
  json["errors"] = Json::array();
  for (const auto& [text, count] : tally.errors.counts()) {
    json["errors"].push_back({{"reply", text}, {"count", count}});
  }
  if (report.server_cpu) {
    json["server"] = {{"cpu_seconds", Seconds(*report.server_cpu)},
                      {"resident_bytes_max", report.server_resident_size_max},
                      {"processes", report.server_process_count}};
  }
  json["generator"] = {{"cpu_seconds", Seconds(report.generator_cpu)}, {"share_of_threads", report.generator_share()}};
  json["timeline"] = {
      {"slot_seconds", Seconds(Timeline::kSlot)}, {"messages", Json::array()}, {"failed", Json::array()}};
  for (const Timeline::Slot& slot : tally.timeline.slots()) {
    json["timeline"]["messages"].push_back(slot.message_count);
    json["timeline"]["failed"].push_back(slot.failed_count);
  }
  return Dump(json);
}

}  // namespace postern
