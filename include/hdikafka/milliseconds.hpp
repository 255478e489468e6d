// The unit of time.
#ifndef HDIKAFKA_MILLISECONDS_HPP
#define HDIKAFKA_MILLISECONDS_HPP

#include <hdikafka/version.hpp>

#include <chrono>

namespace hdikafka::inline v0_1 {

/// The unit of every time limit and pause.
using milliseconds = std::chrono::milliseconds;

} // namespace hdikafka::inline v0_1

#endif
