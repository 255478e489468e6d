// What users' handles point to: declared here, defined where the work is done.
#ifndef HDIKAFKA_DETAIL_BASE_FWD_HPP
#define HDIKAFKA_DETAIL_BASE_FWD_HPP

#include <hdikafka/version.hpp>

#include <memory>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class client_core;
using client_ptr = std::shared_ptr<client_core<>>;

template <class = void>
class stream_state;
using stream_ptr = std::shared_ptr<stream_state<>>;

template <class = void>
class partition_reader;
using partition_ptr = std::shared_ptr<partition_reader<>>;

template <class = void>
class producer_state;
using producer_ptr = std::shared_ptr<producer_state<>>;

class pending_send;
using pending_ptr = std::shared_ptr<pending_send>;

class token_source;
using token_source_ptr = std::shared_ptr<token_source>;

template <class = void>
class token_cache;
using token_cache_ptr = std::shared_ptr<token_cache<>>;

template <class = void>
class token_caches;
using token_caches_ptr = std::shared_ptr<token_caches<>>;

template <class = void>
class checkpoint_file;
using checkpoint_file_ptr = std::shared_ptr<checkpoint_file<>>;

} // namespace hdikafka::inline v0_1::detail

#endif
