// The library's definitions, for the one source file of a program that says HDIKAFKA_SOURCE, where all are
// compiled with HDIKAFKA_SEPARATE_COMPILATION: the others then have the declarations alone, and compile in a
// fraction of the time.
#ifndef HDIKAFKA_IMPL_SRC_HPP
#define HDIKAFKA_IMPL_SRC_HPP

#include <hdikafka/detail/client/operations.hpp>
#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/producer/operations.hpp>
#include <hdikafka/detail/stream/checkpoint_file.hpp>
#include <hdikafka/detail/stream/stream.hpp>

namespace hdikafka::inline v0_1 {

template class basic_client<>;
template class basic_file_checkpoint_store<>;
template class basic_delivery<>;
template class basic_producer<>;
template class basic_record_stream<>;

namespace detail {
template token_source_ptr make_token_source<client_secret_source<>>(client_secret_settings);
template token_source_ptr make_token_source<client_certificate_source<>>(client_certificate_settings);
template token_source_ptr make_token_source<client_assertion_source<>>(client_assertion_settings);
template token_source_ptr make_token_source<workload_identity_source<>>(workload_identity_settings);
template token_source_ptr make_token_source<environment_source<>>(entra_settings);
template token_source_ptr make_token_source<fixed_token_source<>>(secret);
template token_source_ptr make_token_source<callback_token_source<>>(token_callback_settings);
template token_source_ptr make_token_source<azure_cli_source<>>(azure_cli_settings);
template token_source_ptr make_token_source<chained_source<>>(std::vector<token_source_ptr>);
template token_source_ptr make_token_source<default_source<>>(entra_settings);
template token_source_ptr make_token_source<managed_identity_source<>>(managed_identity_settings);
template checkpoint_file_ptr make_checkpoint_file<>(std::string);
template token_caches_ptr make_token_caches<>(std::function<token_source_ptr()>, bool);
} // namespace detail

} // namespace hdikafka::inline v0_1

#endif
