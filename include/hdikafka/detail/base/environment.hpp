// What the environment says.
#ifndef HDIKAFKA_DETAIL_BASE_ENVIRONMENT_HPP
#define HDIKAFKA_DETAIL_BASE_ENVIRONMENT_HPP

#include <hdikafka/version.hpp>

#include <cstdlib>
#include <string>

namespace hdikafka::inline v0_1::detail {

/// The variable's text; empty also when it is not set, which programs treat alike.
inline std::string environment_variable(char const* name)
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): races only with a program that changes its environment
    char const* const text = std::getenv(name);
    return text ? text : "";
}

} // namespace hdikafka::inline v0_1::detail

#endif
