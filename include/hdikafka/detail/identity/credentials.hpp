// What credential.hpp and the headers of its kinds declare.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CREDENTIALS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CREDENTIALS_HPP

#include <hdikafka/credential.hpp>
#include <hdikafka/detail/call/token_cache.hpp>
#include <hdikafka/detail/identity/azure_cli.hpp>
#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/identity/managed_identity.hpp>
#include <hdikafka/detail/identity/sources.hpp>

#include <memory>
#include <utility>

namespace hdikafka::inline v0_1::detail {

template <class Source, class Settings>
token_source_ptr make_token_source(Settings settings)
{
    return std::make_shared<Source>(std::move(settings));
}

template <class Lazy>
token_cache_ptr make_token_cache(token_source_ptr source)
{
    return std::make_shared<token_cache<Lazy>>(std::move(source));
}

} // namespace hdikafka::inline v0_1::detail

#endif
