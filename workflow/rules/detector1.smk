rule detector1:
    input:
        uncal=uncal_of,
        references=manifest_of,
    output:
        **PRODUCTS,
        statistics=STATISTICS,
        parameters=PARAMETERS,
        provenance=PROVENANCE,
    log:
        f"{RESULTS}/logs/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{exposure}}.tsv"
    conda:
        "../envs/onramp.yaml"
    threads: DETECTOR1_THREADS
    resources:
        mem_mb=memory_of,
    params:
        **DETECTOR1,
    message:
        "Calibrate {wildcards.exposure}"
    script:
        "../../scripts/detector1.py"
