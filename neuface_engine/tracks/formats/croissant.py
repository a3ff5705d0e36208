"""Croissant 1.0 metadata (https://docs.mlcommons.org/croissant/) of an exported dataset folder: croissant.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "sequences.csv"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA_TYPES = {
    ".npz": "application/zip",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".glb": "model/gltf-binary",
    ".usdc": "model/vnd.usd",
    ".mp4": "video/mp4",
    ".obj": "model/obj",
    ".ply": "model/ply",
    ".txt": "text/plain",
}


def metadata(
    *,
    name: str,
    description: str,
    licence: str,
    created: str,
    files: Sequence[Mapping[str, Any]],
    table: pa.Table,
) -> dict[str, Any]:
    """The JSON-LD of a folder. files: {"path", "sha256", "bytes"} of each one; table: what TABLE among them holds."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        "license": licence,
        "url": "urn:neuface:dataset",
        "version": "1.0.0",
        "datePublished": created,
        "isLiveDataset": False,
        "distribution": [_file_object(file) for file in files],
        "recordSet": [_record_set(table)],
    }


def _file_object(file: Mapping[str, Any]) -> dict[str, Any]:
    path = PurePosixPath(str(file["path"]))
    return {
        "@type": "cr:FileObject",
        "@id": str(path),
        "name": str(path),
        "contentUrl": str(path),
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": _MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        "sha256": file["sha256"],
    }


def _record_set(table: pa.Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "sequences",
        "name": "sequences",
        "description": "One record for each sequence: what was said about it, and its figures.",
        "key": {"@id": "sequences/sequence"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"sequences/{column.name}",
                "name": f"sequences/{column.name}",
                "description": column.name.replace("_", " "),
                "dataType": _data_type(column),
                "source": {"fileObject": {"@id": TABLE}, "extract": {"column": column.name}},
            }
            for column in table.schema
        ],
    }


def _data_type(column: pa.Field) -> str:
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return "sc:Float"
    if pa.types.is_boolean(column.type):
        return "sc:Boolean"
    return "sc:Integer" if pa.types.is_integer(column.type) else "sc:Text"
