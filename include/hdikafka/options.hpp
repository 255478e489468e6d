// The old name of what now has a header for each.
#ifndef HDIKAFKA_OPTIONS_HPP
#define HDIKAFKA_OPTIONS_HPP

#include <hdikafka/call_options.hpp>
#include <hdikafka/consume_options.hpp>
#include <hdikafka/retry_policy.hpp>
#include <hdikafka/tls_options.hpp>

#endif
