// What the peers do with JSON: trees of Boost.JSON, each in one arena.
#ifndef HDIKAFKA_BENCH_PEER_JSON_HPP
#define HDIKAFKA_BENCH_PEER_JSON_HPP

#include "bench.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace bench {

/// The body of a produce.
std::string produce_body();

/// The answer's tree, for whoever wants its records.
boost::json::value parse_answer(std::string_view body);

/// What ours.cpp requires of the nth answer.
void check_answer(task const& task, int nth, boost::json::value const& answer);

} // namespace bench

#endif
