// The library's definitions, for the one source file of a program that says HDIKAFKA_SOURCE, where all are
// compiled with HDIKAFKA_SEPARATE_COMPILATION: the others then have the declarations alone, and compile in a
// fraction of the time.
#ifndef HDIKAFKA_IMPL_SRC_HPP
#define HDIKAFKA_IMPL_SRC_HPP

#include <hdikafka/detail/client/handle.hpp>
#include <hdikafka/detail/identity/credentials.hpp>
#include <hdikafka/detail/producer/handle.hpp>
#include <hdikafka/detail/stream/checkpoint_file.hpp>
#include <hdikafka/detail/stream/stream.hpp>

namespace hdikafka::inline v0_1 {

template class basic_client<>;
template class basic_file_checkpoint_store<>;
template class basic_delivery<>;
template class basic_producer<>;
template class basic_record_stream<>;

namespace detail {
template token_source_ptr make_client_secret_source<>(entra_settings, secret);
template token_source_ptr make_client_certificate_source<>(entra_settings, certificate_settings);
template token_source_ptr make_client_assertion_source<>(entra_settings, assertion_function);
template token_source_ptr make_workload_identity_source<>(entra_settings, std::string);
template token_source_ptr make_environment_source<>(entra_settings);
template token_source_ptr make_fixed_token_source<>(secret);
template token_source_ptr make_callback_token_source<>(token_function, std::string);
template token_source_ptr make_azure_cli_source<>(azure_cli_settings);
template token_source_ptr make_chained_source<>(std::vector<token_source_ptr>);
template token_source_ptr make_default_source<>(entra_settings);
template token_source_ptr make_managed_identity_source<>(managed_identity_settings);
template checkpoint_file_ptr make_checkpoint_file<>(std::string);
template token_cache_ptr make_token_cache<>(token_source_ptr);
} // namespace detail

} // namespace hdikafka::inline v0_1

#endif
