"""Short ways to compile a pipeline from the codecs as their documents name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest

from azarr.codecs import Parts, Pipeline, compile_parts
from azarr.model import CodecSpec, DataType


class Compile(Protocol):
    def __call__(
        self, dtype: Any, shape: tuple[int, ...], *codecs: Any, **options: Any
    ) -> Pipeline: ...


def _compile_v2(
    dtype: Any,
    shape: tuple[int, ...],
    *filters: Any,
    compressor: Any = None,
    order: Any = "C",
    allow_pickle: bool = False,
) -> Pipeline:
    """Codecs are numcodecs objects or configurations."""

    def spec(codec: Any) -> CodecSpec:
        return CodecSpec.from_v2(codec if isinstance(codec, dict) else codec.get_config())

    specs = [spec(each) for each in filters]
    object_codec = specs[0] if specs else None
    parts = Parts(
        data_type=DataType.of(dtype, object_codec),
        chunk_shape=shape,
        order=order,
        filters=specs,
        compressors=[] if compressor is None else [spec(compressor)],
    )
    return compile_parts(parts, allow_pickle=allow_pickle)


def _compile_v3(dtype: Any, shape: tuple[int, ...], *codecs: Any) -> Pipeline:
    """Codecs are v3 objects or names; the serializer is the first that is known as one."""
    from azarr.model import split_codecs

    filters, serializer, compressors = split_codecs([CodecSpec.from_v3(each) for each in codecs])
    return compile_parts(
        Parts(
            data_type=DataType.of(dtype).native,
            chunk_shape=shape,
            filters=filters,
            serializer=serializer,
            compressors=compressors,
        )
    )


@pytest.fixture(scope="session")
def v2() -> Compile:
    return _compile_v2


@pytest.fixture(scope="session")
def v3() -> Compile:
    return _compile_v3


@pytest.fixture(scope="session")
def measurements() -> Callable[..., Any]:
    """An array that compresses like measurements do: a random walk."""

    def make(dtype: Any, shape: tuple[int, ...], seed: int = 0) -> Any:
        steps = np.random.default_rng(seed).integers(-3, 4, int(np.prod(shape)))
        return np.cumsum(steps).astype(dtype).reshape(shape)

    return make
